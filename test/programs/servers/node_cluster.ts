// An HTTP server of two workers. argv[3] is how they get their clients: "shared" is
// cluster.SCHED_NONE, where all accept from one listener that the primary made; "handed" is
// cluster.SCHED_RR, where the primary accepts and hands connections to them in turn.
//
// `/` answers with the worker's pid, `/echo` with the request's body. At `/die` the worker is
// killed, and another takes its place.
import cluster from 'node:cluster';
import { createServer } from 'node:http';

const [port, policy] = process.argv.slice(2);

if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy === 'shared' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  cluster.on('listening', (worker) => console.log(`listening ${worker.process.pid}`));
  const stay = () => cluster.fork();
  cluster.on('exit', stay);
  process.on('SIGTERM', () => {
    cluster.off('exit', stay);
    cluster.disconnect();
  });
  for (let workers = 0; workers < 2; workers += 1) cluster.fork();
} else {
  // The primary says when to go.
  process.on('SIGTERM', () => undefined);
  createServer((request, response) => {
    if (request.url === '/die') process.kill(process.pid, 'SIGKILL');
    else if (request.url === '/echo') request.pipe(response);
    else response.end(String(process.pid));
  }).listen(Number(port), '127.0.0.1');
}

// An HTTP server of two workers: argv[3] is the cluster's scheduling policy (cluster.SCHED_NONE,
// where workers share the listener, or cluster.SCHED_RR, where they are handed connections).
//
// `/` answers with the worker's pid, `/echo` with the request's body; at `/die` the worker kills
// itself, and another takes its place.
import cluster from 'node:cluster';
import { createServer } from 'node:http';

const [port, policy] = process.argv.slice(2).map(Number);

if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy ?? cluster.SCHED_RR;
  cluster.on('exit', () => cluster.fork());
  for (let workers = 0; workers < 2; workers += 1) cluster.fork();
  cluster.on('listening', (worker) => console.log(`listening ${worker.process.pid}`));
} else {
  const server = createServer((request, response) => {
    if (request.url === '/die') process.kill(process.pid, 'SIGKILL');
    else if (request.url === '/echo') request.pipe(response);
    else response.end(String(process.pid));
  });
  server.listen(port, '127.0.0.1');
}

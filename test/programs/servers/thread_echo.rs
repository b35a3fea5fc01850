//! Echoes with std::net, a thread for each connection.
//!
//! At the end of the input it adds the FNV-1a hash of what it read (std has no other). Each
//! connection is looked at before it is read, and written through a copy of its descriptor.
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn serve(mut input: TcpStream) -> Result<()> {
    let mut output = input.try_clone()?;
    let mut hash: u32 = 2166136261;
    let mut buffer = vec![0; 65536];
    loop {
        let ahead = input.peek(&mut buffer[..100])?;
        let seen = buffer[..ahead].to_vec();
        let size = input.read(&mut buffer)?;
        assert_eq!(seen, buffer[..ahead], "a look shows what is read next");
        if size == 0 {
            break;
        }
        for byte in &buffer[..size] {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(16777619);
        }
        output.write_all(&buffer[..size])?;
    }
    output.write_all(&hash.to_be_bytes())?;
    output.shutdown(Shutdown::Write)
}

/// Reads that have a time limit, in both of their meanings: SO_RCVTIMEO and O_NONBLOCK.
fn wait_for_nothing(mut client: TcpStream) -> Result<()> {
    let limit = Duration::from_millis(200);
    client.set_read_timeout(Some(limit))?;
    let start = Instant::now();
    let error = client.read(&mut [0; 10]).expect_err("nothing came");
    // The kernel counts in ticks of its own.
    let in_time = start.elapsed() > limit - Duration::from_millis(10);
    writeln!(client, "{:?} {}", error.kind(), if in_time { "in time" } else { "early" })?;
    client.set_nonblocking(true)?;
    let error = client.read(&mut [0; 10]).expect_err("nothing came");
    writeln!(client, "{:?}", error.kind())
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let port = words.next().and_then(|word| word.parse().ok()).expect("a port");
    let handler = if words.next().is_some() { wait_for_nothing } else { serve };
    for client in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let client = client?;
        std::thread::spawn(move || match handler(client) {
            // A client that vanishes ends its own connection only.
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{}", error),
            _ => (),
        });
    }
    Ok(())
}

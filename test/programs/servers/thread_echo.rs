//! Servers of std::net with a thread for each connection; the second argument is which:
//!   echo   gives back what comes, and at its end adds the FNV-1a hash of it (std has no other)
//!   relay  has cat do that, without the hash: std copies between sockets and pipes with splice(2)
//!   wait   tells how reads end that have a time limit
use std::io::{copy, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Looks before it reads, and writes through a copy of the descriptor.
fn echo(mut input: TcpStream) -> Result<()> {
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

fn relay(mut client: TcpStream) -> Result<()> {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to_cat = cat.stdin.take().expect("a pipe");
    let mut from_cat = cat.stdout.take().expect("a pipe");
    let mut input = client.try_clone()?;
    let upstream = std::thread::spawn(move || copy(&mut input, &mut to_cat));
    copy(&mut from_cat, &mut client)?;
    upstream.join().expect("no panic")?;
    cat.wait()?;
    Ok(())
}

/// Time limits in both of their meanings: SO_RCVTIMEO and O_NONBLOCK.
fn wait(mut client: TcpStream) -> Result<()> {
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
    let handler = match words.next().as_deref() {
        Some("echo") => echo,
        Some("relay") => relay,
        _ => wait,
    };
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

//! Against real sockets that misbehave in one way each.

use super::*;
use crate::not_connected::NotConnected;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn server<F>(act: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client comes");
        act(stream).await;
    });
    address
}

async fn read_head(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.expect("the head comes");
        seen.push(byte[0]);
    }
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_whole_answer_is_complete() {
    let address = server(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("sent");
    })
    .await;
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert_eq!((exchange.end.clone(), exchange.status()), (End::Complete, Some(200)));
    assert!(exchange.first_byte.is_some_and(|first| first <= exchange.took));
    assert!(exchange.connected.is_some_and(|took| took < SOON));
}

#[tokio::test]
async fn a_truncated_answer_is_told_from_none() {
    let address = server(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok").await.expect("sent");
    })
    .await;
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert_eq!(exchange.end, End::Closed { received: 40 });
    assert_eq!(exchange.status(), None);

    let address = server(|mut stream| async move { read_head(&mut stream).await }).await;
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert_eq!(exchange.end, End::Closed { received: 0 });
}

#[tokio::test]
async fn a_reset_is_told_from_a_close() {
    let address = server(|mut stream| async move {
        read_head(&mut stream).await;
        stream.set_zero_linger().expect("it can be set");
    })
    .await;
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert_eq!(exchange.end, End::Reset { received: 0 });
}

#[tokio::test]
async fn refused_silent_and_foreign_servers_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let short = Duration::from_millis(50);
    let exchange = once(address, &Request::get("/"), short).await;
    assert_eq!(exchange.end, End::TimedOut { received: 0 });
    drop(listener);
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert_eq!(exchange.end, End::NotConnected(NotConnected::Refused));

    let address = server(|mut stream| async move {
        stream.write_all(b"SSH-2.0-x\r\n").await.expect("sent");
        read_head(&mut stream).await;
    })
    .await;
    let exchange = once(address, &Request::get("/"), SOON).await;
    assert!(matches!(exchange.end, End::NotHttp { start, .. } if start.starts_with("SSH-2.0")));
}

#[tokio::test]
async fn an_early_answer_is_read_although_the_body_was_not_taken() {
    let address = server(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.expect("sent");
        let mut some = [0; 1024];
        let _ = stream.read(&mut some).await;
    })
    .await;
    let request = Request::new("POST", "/").body(vec![b'x'; 32 * 1024 * 1024]);
    let exchange = once(address, &request, SOON).await;
    assert_eq!(exchange.status(), Some(413));
}

#[tokio::test]
async fn a_connection_counts_its_answers_and_sees_its_end() {
    let address = server(|mut stream| async move {
        for _ in 0..2 {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("sent");
        }
    })
    .await;
    let mut connection = Connection::to(&Peer::from(address), SOON).await.expect("it listens");
    assert_eq!(connection.exchange(&Request::get("/"), SOON).await.reused, 0);
    let second = connection.exchange(&Request::get("/"), SOON).await;
    assert_eq!((second.reused, second.status()), (1, Some(204)));
    assert_eq!(connection.wait_for_end(SOON).await, Some(crate::connection::Ended::Closed));
    let third = connection.exchange(&Request::get("/"), SOON).await;
    assert_eq!(third.end, End::Closed { received: 0 });
}

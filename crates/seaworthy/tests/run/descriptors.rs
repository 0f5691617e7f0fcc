//! Many idle clients do not stop everything.

use std::net::TcpStream;

use crate::edge::{Edge, Options, until};

#[test]
fn the_soft_limit_is_raised_and_the_service_keeps_its_own() {
    let edge = Edge::start(&Options { files: Some((128, 4096)), ..Options::default() });
    let _idle: Vec<_> = (0..300).map(|_| edge.connect()).collect();
    let (status, _, body) = edge.ask("GET /limit");
    assert_eq!((status, body.as_str()), (200, "128"), "the service was started with its own limit");
}

#[test]
fn at_the_bound_others_wait_and_somebody_is_told() {
    // 64 are kept for the edge itself: 18 clients.
    let edge = Edge::start(&Options { files: Some((100, 100)), ..Options::default() });
    let mut idle: Vec<_> = (0..40).filter_map(|_| TcpStream::connect(edge.address).ok()).collect();
    until("it is said", || edge.output().contains("limit of open files"));
    assert_eq!(edge.output().matches("limit of open files").count(), 1, "{}", edge.output());
    idle.truncate(2);
    let (status, _, _) = edge.ask("GET /");
    assert_eq!(status, 200, "who waited is served when others have left");
}

//! The life of a service under `seaworthy run`.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::edge::{Edge, Options, read_all, split, until};

fn with(env: &[(&'static str, &str)]) -> Options {
    let env = env.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Options { env, ..Options::default() }
}

#[test]
fn the_port_opens_when_the_service_is_ready_and_its_code_is_passed_on() {
    let mut edge = Edge::begin(&with(&[("START_TAKES", "0.5"), ("STOP_CODE", "7")]));
    let began = Instant::now();
    until("the port opens", || std::net::TcpStream::connect(edge.address).is_ok());
    assert!(began.elapsed() > Duration::from_millis(400));
    assert_eq!(edge.ask("GET /").2, "hello", "it never answers before");
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(7));
    assert!(edge.output().contains("stopped in order"), "{}", edge.output());
}

#[test]
fn a_service_that_cannot_start_gives_its_code() {
    let mut edge = Edge::begin(&with(&[("FAILS", "9")]));
    assert_eq!(edge.ended(), Some(9));
    assert!(edge.output().contains("cannot start"), "{}", edge.output());
    assert!(edge.output().contains("before it was ready, with code 9"), "{}", edge.output());
}

#[test]
fn a_request_in_flight_and_a_late_one_are_answered_before_the_end() {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"5s\"\ndrain = \"500ms\"\n";
    let mut edge = Edge::start(&Options { manifest: manifest.into(), ..Options::default() });
    let mut slow = edge.connect();
    slow.write_all(b"GET /slow?1 HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    until("it is in flight", || edge.seen().contains("/slow"));
    edge.signal("SIGTERM");
    until("it drains", || edge.output().contains("draining"));
    let (status, head, _) = split(&edge.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(status, 200);
    assert!(head.contains("connection: close"), "{head}");
    let answer = read_all(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    assert_eq!(edge.ended(), Some(0));
}

#[test]
fn a_service_that_ignores_the_signal_is_killed_in_time() {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"2s\"\ndrain = \"10ms\"\n".to_owned();
    let env = vec![("IGNORES_STOP", "1".to_owned())];
    let mut edge = Edge::start(&Options { manifest, env, ..Options::default() });
    let began = Instant::now();
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(137));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(edge.output().contains("it is killed"), "{}", edge.output());
}

#[test]
fn a_service_that_dies_is_started_again_and_every_request_answered() {
    let edge = Edge::start(&Options::default());
    assert_eq!(edge.ask("GET /crash").0, 502);
    let mut answers = Vec::new();
    until("it is back", || {
        answers.push(edge.ask("GET /").0);
        answers.last() == Some(&200)
    });
    assert!(answers.iter().all(|status| matches!(status, 200 | 502 | 503)), "{answers:?}");
    until("it is told", || edge.output().contains("ready again"));
}

#[test]
fn an_end_in_order_is_an_end() {
    let mut edge = Edge::start(&Options::default());
    edge.ask("GET /exit?0");
    assert_eq!(edge.ended(), Some(0));
    let manifest = "[supply]\nrestart = \"never\"\n".to_owned();
    let mut edge = Edge::start(&Options { manifest, ..Options::default() });
    edge.ask("GET /crash");
    assert_eq!(edge.ended(), Some(3));
}

#[test]
fn a_wrapper_that_passes_no_signal_on_does_not_matter() {
    // The shell stays between, and would die of the signal with the service left behind.
    let wrapper = vec!["sh", "-c", "\"$@\"; exit $?", "sh"];
    let mut edge = Edge::start(&Options {
        wrapper,
        env: vec![("STOP_CODE", "5".to_owned())],
        ..Options::default()
    });
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(5));
    assert!(edge.output().contains("stopped in order"), "{}", edge.output());
}

#[test]
fn nobody_is_left_behind() {
    let script = "sleep 300 & setsid sleep 301 & exec \"$@\"";
    let wrapper = vec!["sh", "-c", script, "sh"];
    let mut edge = Edge::start(&Options { wrapper, ..Options::default() });
    let edges = edge.pid();
    let below = || {
        let family = process::tree::Family { leaders: vec![edges], mark: String::new() };
        family
            .members()
            .into_iter()
            .filter(|entry| entry.name == "sleep")
            .map(|e| e.pid)
            .collect::<Vec<_>>()
    };
    until("both sleep", || below().len() == 2);
    let sleepers = below();
    edge.signal("SIGTERM");
    edge.ended();
    for pid in sleepers {
        assert!(process::tree::find(pid).is_none_or(|entry| entry.zombie), "{pid} is left");
    }
}

#[test]
fn who_kills_the_edge_ends_the_service_too() {
    // The second has another session, and a parent that is gone.
    let script = "sleep 300 & setsid sh -c 'sleep 301 &' & exec \"$@\"";
    let wrapper = vec!["sh", "-c", script, "sh"];
    let mut edge = Edge::start(&Options { wrapper, ..Options::default() });
    let family = process::tree::Family { leaders: vec![edge.pid()], mark: String::new() };
    let sleepers = || family.members().iter().filter(|entry| entry.name == "sleep").count();
    until("both sleep", || sleepers() == 2);
    let members = family.members();
    edge.signal("SIGKILL");
    edge.ended();
    for entry in members {
        let gone = || {
            process::tree::find(entry.pid)
                .is_none_or(|now| now.zombie || now.started != entry.started)
        };
        until("nobody is left", gone);
    }
}

#[test]
fn a_hanging_service_is_not_live() {
    let manifest = "live = \"/live\"\n[supply]\ntimeout = \"1s\"\n".to_owned();
    let edge = Edge::start(&Options { manifest, supply: "liveness", ..Options::default() });
    assert_eq!(edge.ask("GET /live").0, 200);
    edge.raw(b"GET /hang HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    until("it is seen to hang", || edge.ask("GET /live").0 == 503);
    assert_eq!(edge.ask("GET /").0, 504);
}

#[test]
fn lines_are_scrubbed_and_the_others_stay() {
    let edge = Edge::start(&Options { supply: "private-logs", ..Options::default() });
    edge.ask("GET /log");
    until("the line is there", || edge.output().contains("card "));
    assert!(edge.output().contains("card ‹card› mail ‹email›"), "{}", edge.output());
}

#[test]
fn systemd_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let env = vec![("NOTIFY_SOCKET", path.to_string_lossy().into_owned())];
    let mut edge = Edge::start(&Options { env, ..Options::default() });
    let heard = || {
        let mut text = [0; 256];
        let count = socket.recv(&mut text).expect("it is told");
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    assert!(heard().contains("READY=1"));
    edge.signal("SIGTERM");
    assert!(heard().contains("STOPPING=1"));
    edge.ended();
    let inside = edge.output();
    assert!(!inside.contains("error"), "{inside}");
}

#[test]
fn who_switched_protocols_hears_the_services_goodbye() {
    let mut edge = Edge::start(&Options::default());
    let mut socket = edge.connect();
    let ask =
        b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nping";
    socket.write_all(ask).expect("sent");
    until("it is open", || edge.seen().contains("/socket"));
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(0), "{}", edge.output());
    assert!(read_all(&mut socket).ends_with("goodbye"));
}

#[test]
fn the_edges_own_answers_pass_the_same_layers() {
    let own = "live = \"/live\"\n[supply]\ntrusted_proxies = [\"127.0.0.1\"]\ntimeout = \"1s\"\n";
    let supply = "liveness,https-only,error-envelope,security-headers";
    let edge = Edge::start(&Options { manifest: own.into(), supply, ..Options::default() });
    let (status, head, _) = edge.ask("GET /live\nX-Forwarded-Proto: http");
    assert!(status == 308 && head.contains("location: https://a/live"), "{head}");
    let (status, head, _) = edge.ask("GET /live\nX-Forwarded-Proto: https");
    assert!(status == 200 && head.contains("strict-transport-security"), "{head}");
    assert_eq!(edge.ask("GET /live\nHost: b").0, 400, "two hosts");
    edge.raw(b"GET /hang HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    until("it is seen to hang", || edge.ask("GET /live").0 == 503);
    let (_, head, body) = edge.ask("GET /live");
    assert_eq!(body, "{\"status\":\"hanging\"}", "a probe keeps its shape");
    assert!(head.contains("nosniff"), "{head}");
}

#[test]
fn a_slow_upload_is_not_the_services_delay() {
    let manifest = "[supply]\ntimeout = \"400ms\"\n".to_owned();
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    let mut slow = edge.connect();
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    slow.write_all(head).expect("sent");
    for byte in b"12345678" {
        std::thread::sleep(Duration::from_millis(100));
        slow.write_all(&[*byte]).expect("sent");
    }
    let answer = read_all(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("12345678"), "{answer}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let manifest = "[supply]\naccess_log = true\n".to_owned();
    let mut edge = Edge::start(&Options { manifest, unread: true, ..Options::default() });
    let long = "x".repeat(4000);
    // A pipe holds 64 KiB; what is written here are ten times as many.
    for _ in 0..160 {
        assert_eq!(edge.ask(&format!("GET /{long}")).0, 200);
    }
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(0), "{}", edge.output());
}

#[test]
fn while_the_last_requests_end_the_port_refuses() {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"9s\"\ndrain = \"10ms\"\n";
    let env = vec![("STOP_CODE", "6".to_owned())];
    let options = Options { manifest: manifest.into(), env, ..Options::default() };
    let mut edge = Edge::start(&options);
    // On several workers, of which some have nothing to do.
    let mut slow: Vec<_> = (0..4).map(|_| edge.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /slow?2 HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    }
    until("they are in flight", || edge.seen().matches("/slow").count() == 4);
    edge.signal("SIGTERM");
    until("the port refuses", || std::net::TcpStream::connect(edge.address).is_err());
    let waits = |stream: &std::net::TcpStream| {
        stream.set_nonblocking(true).expect("set");
        let early =
            stream.peek(&mut [0]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).expect("set");
        early
    };
    assert!(slow.iter().all(waits), "they are still being answered");
    for stream in &mut slow {
        assert!(read_all(stream).ends_with("hello"));
    }
    assert_eq!(edge.ended(), Some(6), "{}", edge.output());
}

#[test]
fn a_request_that_never_ends_does_not_change_the_code() {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"2s\"\ndrain = \"10ms\"\n";
    let env = vec![("STOP_CODE", "6".to_owned())];
    for hurried in [false, true] {
        let options = Options { manifest: manifest.into(), env: env.clone(), ..Options::default() };
        let mut edge = Edge::start(&options);
        // Whichever worker has it, another one has nothing to do.
        let mut slow: Vec<_> = (0..3).map(|_| edge.connect()).collect();
        slow[2].write_all(b"GET /slow?60 HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
        until("it is in flight", || edge.seen().contains("/slow"));
        edge.signal("SIGTERM");
        if hurried {
            until("it drains", || edge.output().contains("draining"));
            edge.signal("SIGTERM");
        }
        assert_eq!(edge.ended(), Some(6), "{}", edge.output());
    }
}

#[test]
fn what_left_the_tree_of_one_life_does_not_outlive_it() {
    let wrapper = vec!["sh", "-c", "setsid sh -c 'sleep 302 &'; exec \"$@\"", "sh"];
    let edge = Edge::start(&Options { wrapper, ..Options::default() });
    let family = process::tree::Family { leaders: vec![edge.pid()], mark: String::new() };
    let sleepers = || -> Vec<u32> {
        let all = family.members().into_iter().filter(|entry| entry.name == "sleep");
        all.map(|entry| entry.pid).collect()
    };
    until("it sleeps", || sleepers().len() == 1);
    let first = sleepers();
    edge.ask("GET /crash");
    until("it is back", || edge.output().contains("ready again"));
    until("another one sleeps", || sleepers().len() == 1 && sleepers() != first);
}

#[test]
fn a_wrapper_does_not_die_of_a_signal_for_the_service() {
    let wrapper = vec!["sh", "-c", "\"$@\"; exit $?", "sh"];
    let edge = Edge::start(&Options { wrapper, ..Options::default() });
    edge.signal("SIGHUP");
    until("the service has it", || edge.output().contains("read anew"));
    assert_eq!(edge.ask("GET /").2, "hello");
    assert!(!edge.output().contains("starting it again"), "{}", edge.output());
}

#[test]
fn a_signal_while_dependencies_are_asked_is_heard() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it is bound");
    let manifest = "[dependencies.cache]\nkind = \"redis\"\n[environment.CACHE_URL]\nvalue = \"{cache.url}\"\n";
    let env = vec![("CACHE_URL", format!("redis://{address}"))];
    let mut edge = Edge::begin(&Options { manifest: manifest.into(), env, ..Options::default() });
    silent.set_nonblocking(true).expect("set");
    let mut asked = None;
    until("it asks", || {
        asked = silent.accept().ok();
        asked.is_some()
    });
    edge.signal("SIGTERM");
    assert_eq!(edge.ended(), Some(143));
    assert!(edge.output().contains("before the service was started"), "{}", edge.output());
}

#[test]
fn a_variable_that_is_no_text_is_left_out_and_named() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    let edge = Edge::start(&Options { odd: Some(("ODD_ONE", odd)), ..Options::default() });
    assert_eq!(edge.ask("GET /variable?ODD_ONE").2, "unset");
    assert!(edge.output().contains("ODD_ONE is not UTF-8"), "{}", edge.output());
}

#[test]
fn a_service_without_the_probe_that_is_supplied_is_ready() {
    let manifest = "ready = \"/none\"\n".to_owned();
    let edge = Edge::start(&Options { manifest, supply: "readiness", ..Options::default() });
    assert_eq!(edge.ask("GET /none").0, 200);
}

#[test]
fn who_leaves_before_the_answer_had_an_id() {
    let edge = Edge::start(&Options { supply: "correlation-ids", ..Options::default() });
    let mut stream = edge.connect();
    stream
        .write_all(b"GET /slow?2 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n")
        .expect("sent");
    until("it is in flight", || edge.seen().contains("/slow"));
    drop(stream);
    until("it is logged", || edge.output().contains("\"status\":499"));
    let output = edge.output();
    let line = output.lines().find(|line| line.contains("\"status\":499")).expect("there");
    assert!(line.contains("\"request_id\":\"mine\""), "{line}");
}

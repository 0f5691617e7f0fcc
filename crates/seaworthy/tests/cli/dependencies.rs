//! Dependencies that the lab does not start itself, and those that it cannot.

use std::io::Write;
use std::net::TcpListener;

use crate::bench::Bench;
use serde_json::Value;

fn card(ran: &crate::bench::Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

/// What was seen of the starts in the only run.
fn startup_log(bench: &Bench) -> String {
    let runs = bench.path().join(".seaworthy/runs");
    let run = std::fs::read_dir(runs).expect("read").flatten().next().expect("one").path();
    std::fs::read_to_string(run.join("startup.ndjson")).expect("it is there")
}

#[test]
fn one_of_the_users_own_is_broken_by_the_same_proxy() {
    let friend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = friend.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in friend.incoming().flatten() {
            let _ = (&stream).write_all(b"hi");
        }
    });
    let bench = Bench::new();
    bench.manifest(&format!(
        "[service]\nname = \"odd\"\nstart = \"python3 odd.py asks {{port}}\"\n\
         ready = {{ path = \"/ready\", lag = \"200ms\" }}\npatience = \"3s\"\n\
         [environment.FRIEND_HOST]\nvalue = \"{{friend.host}}\"\n\
         [environment.FRIEND_PORT]\nvalue = \"{{friend.port}}\"\n\
         [dependencies.friend]\nkind = \"tcp\"\nurl = \"tcp://127.0.0.1:{port}\"\ndisposable = true\n"
    ));
    let card = card(&bench.run(&["prove", "--only", "readiness", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
}

/// A service that insists on TLS and on a certificate that it can verify.
#[test]
fn a_database_that_speaks_tls_is_verified_through_the_proxy() {
    let bench = Bench::new();
    bench.manifest(
        r#"
[service]
name = "odd"
setup = ["psql '{database.postgresql_url}?sslmode=verify-full&sslrootcert={database.ca}' -c 'SELECT 1'"]
start = ["sh", "-c", "psql \"$URL\" -Atc \"SELECT 'tls ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()\" && exec python3 odd.py good {port}"]
ready = "/ready"
[environment.URL]
value = "{database.postgresql_url}?sslmode=verify-full&sslrootcert={database.ca}"
[dependencies.database]
kind = "postgres"
tls = true
"#,
    );
    let card = card(&bench.run(&["prove", "--only", "startup", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    let log = startup_log(&bench);
    assert!(log.contains("tls true"), "{log}");
}

#[test]
fn what_cannot_be_provided_is_named_with_the_command_that_installs_it() {
    let bench = Bench::odd("good");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    // A PATH on which there is Python and nothing else.
    let found = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("Python runs");
    let found = String::from_utf8(found.stdout).expect("a path");
    let path = bench.path().join("bin");
    std::fs::create_dir(&path).expect("made");
    std::os::unix::fs::symlink(found.trim(), path.join("python3")).expect("linked");
    bench.manifest(&(text + "[dependencies.cache]\nkind = \"redis\"\n"));
    let mut command = bench.command(&["prove", "--only", "startup", "--format", "json"]);
    let output = command.env("PATH", &path).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let card: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(card["controls"][0]["verdict"], "inconclusive", "{card}");
    let summary = card["controls"][0]["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("apt-get install redis-server"), "{summary}");
}

/// Every instance has what the set-up left, in a database of its own, and sends its letters into the
/// lab.
#[test]
fn mariadb_is_cloned_and_mail_is_taken() {
    let bench = Bench::new();
    let client =
        "mariadb -h {store.host} -P {store.port} -u {store.user} -p{store.password} {store.name}";
    std::fs::write(
        bench.path().join("mail.py"),
        "import os, smtplib\n\
         with smtplib.SMTP('127.0.0.1', int(os.environ['SMTP_PORT'])) as mail:\n\
         \x20   mail.login('anybody', 'any')\n\
         \x20   mail.sendmail('a@b.example', ['c@d.example'], 'Subject: hi\\r\\n\\r\\nthere')\n\
         print('letter taken', flush=True)\n",
    )
    .expect("written");
    bench.manifest(&format!(
        r#"
[service]
name = "odd"
setup = ["{client} -e 'CREATE TABLE notes (title VARCHAR(20)); INSERT INTO notes VALUES (0x6869)'"]
start = ["sh", "-c", "$CLIENT -Ne \"SELECT CONCAT('found ', COUNT(*)) FROM notes; INSERT INTO notes VALUES ('x')\" && python3 mail.py && exec python3 odd.py good {{port}}"]
ready = "/ready"
[environment.CLIENT]
value = "{client}"
[environment.SMTP_PORT]
type = "port"
value = "{{mail.port}}"
[dependencies.store]
kind = "mysql"
[dependencies.mail]
kind = "smtp"
critical = false
"#
    ));
    let card = card(&bench.run(&["prove", "--only", "startup", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    let lab = card["evidence"]["lab"].to_string();
    assert!(lab.contains("MariaDB"), "{lab}");
    let log = startup_log(&bench);
    // A restart keeps its data; another cold start has its own.
    assert!(log.matches("found 1\"").count() >= 3, "{log}");
    assert!(log.contains("letter taken"), "{log}");
}

/// `./test` installs moto's server, which a registry brings.
#[test]
fn an_object_store_has_a_bucket_for_each_instance() {
    let bench = Bench::new();
    std::fs::write(
        bench.path().join("store.py"),
        "import os, urllib.request as u\n\
         key = os.environ['S3_ENDPOINT'] + '/' + os.environ['S3_BUCKET'] + '/letter'\n\
         kind = {'Content-Type': 'text/plain', 'x-amz-acl': 'public-read'}\n\
         u.urlopen(u.Request(key, b'kept by S3', kind, method='PUT'))\n\
         print(u.urlopen(key).read().decode(), flush=True)\n",
    )
    .expect("written");
    bench.manifest(
        r#"
[service]
name = "odd"
start = ["sh", "-c", "python3 store.py && exec python3 odd.py good {port}"]
ready = "/ready"
[environment.S3_ENDPOINT]
value = "{store.url}"
[environment.S3_BUCKET]
value = "{store.name}"
[dependencies.store]
kind = "s3"
critical = false
"#,
    );
    let card = card(&bench.run(&["prove", "--only", "startup", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    let log = startup_log(&bench);
    assert!(log.contains("kept by S3"), "{log}");
}

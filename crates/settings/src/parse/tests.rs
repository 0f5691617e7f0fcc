use super::*;

const GOOD: &str = r#"
[service]
name = "shop"
start = "node app.js --port {port}"
ready = "/health/ready"
"#;

fn mistakes(text: &str) -> Vec<(usize, String, Option<String>)> {
    let found = parse(text).expect_err("the manifest holds mistakes");
    found.into_iter().map(|m| (m.place(text).0, m.message, m.help)).collect()
}

#[test]
fn a_small_manifest_is_enough() {
    let parsed = parse(GOOD).expect("it is good");
    assert_eq!(parsed.manifest.service.start.0, ["node", "app.js", "--port", "{port}"]);
    assert_eq!(parsed.origin("service.ready"), Origin::Declared(5));
    assert_eq!(parsed.origin("controls.startup.within"), Origin::Default);
    assert!(parsed.notes.is_empty());
}

#[test]
fn several_mistakes_are_told_at_once_each_at_its_line() {
    let text = r#"[service]
name = "shop"
strat = "node app.js"
patience = "soon"
stop_signal = "SIGTRM"

[environment.LEVEL]
type = "strng"
required = "yes"

[contrls.startup]
"#;
    let found = mistakes(text);
    let lines: Vec<_> = found.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [1, 3, 4, 5, 8, 9, 11]);
    assert_eq!(found[0].1, "expected the key start in [service], found none");
    assert_eq!(found[1].1, "unknown key strat in [service]");
    assert_eq!(found[1].2.as_deref(), Some("did you mean start?"));
    assert!(found[2].1.contains("expected a length of time"), "{}", found[2].1);
    assert_eq!(found[3].2.as_deref(), Some("did you mean \"SIGTERM\"?"));
    assert_eq!(found[4].2.as_deref(), Some("did you mean \"string\"?"));
    assert_eq!(found[5].1, "expected true or false, found the text \"yes\"");
    assert_eq!(found[6].2.as_deref(), Some("did you mean controls?"));
}

#[test]
fn a_third_party_without_a_stand_in_is_a_note_at_its_line() {
    let text = format!("{GOOD}\n[upstreams.mail]\nvariable = \"SMTP_URL\"\nkind = \"smtp\"\n");
    let parsed = parse(&text).expect("it is right");
    assert_eq!(parsed.notes.len(), 1, "{:?}", parsed.notes);
    assert_eq!(parsed.notes[0].0, 9);
    assert!(parsed.notes[0].1.contains("SMTP_URL"));
    let text = format!("{GOOD}\n[upstreams.stripe]\nvariable = \"STRIPE_URL\"\n");
    assert!(parse(&text).expect("it is right").notes.is_empty());
}

#[test]
fn ids_of_the_catalogue_that_are_not_built_are_notes() {
    let text = format!("{GOOD}\n[controls.websocket-load]\nsockets = 100\n");
    let parsed = parse(&text).expect("the id is known");
    assert_eq!(parsed.notes.len(), 1);
    assert_eq!(parsed.notes[0].0, 7);
    assert!(parsed.notes[0].1.contains("not built yet"));

    let text = format!("{GOOD}\n[controls.websocket-loda]\n");
    let found = mistakes(&text);
    assert_eq!(found[0].1, "unknown control websocket-loda in [controls]");
    assert_eq!(found[0].2.as_deref(), Some("did you mean websocket-load?"));
}

#[test]
fn placeholders_must_exist() {
    let text = GOOD.replace("{port}", "{prot} {database.url}");
    let found = mistakes(&text);
    assert_eq!(found[0].1, "unknown placeholder {prot}");
    assert_eq!(found[0].2.as_deref(), Some("did you mean {port}?"));
    assert_eq!(found[1].2.as_deref(), Some("declare [dependencies.database]"));
    assert!(found[2].1.contains("how the service learns its port"));
}

#[test]
fn values_must_fit_their_own_declaration() {
    let text = format!(
        "{GOOD}\n[environment.SIZE]\ntype = \"int\"\nvalue = \"many\"\n\n\
         [environment.KEY]\ntype = \"url\"\n\n[environment.LEVEL]\ntype = \"enum\"\nvalue = \"a\"\n"
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0].0, 9);
    assert!(found[1].1.contains("KEY is required"));
    assert!(found[2].1.contains("expected its values"));
}

#[test]
fn a_url_of_your_own_must_be_disposable() {
    let text = format!("{GOOD}\n[dependencies.db]\nkind = \"mysql\"\nurl = \"mysql://h/d\"\n");
    assert!(mistakes(&text)[0].2.as_deref().is_some_and(|help| help.contains("disposable = true")));
}

#[test]
fn controls_name_journeys_and_requests_that_can_be() {
    let text = format!(
        "{GOOD}\n[journeys.order]\nfile = \"a.hurl\"\n[controls.graceful-shutdown]\n\
         journey = \"odrer\"\nslow_request = \"delay\"\n[environment.N]\ntype = \"int\"\n\
         required = false\nmin = 9\nmax = 2\n[waivers.startup]\nreason = \"r\"\nowner = \"o\"\n\
         expires = \"2029-02-31\"\n"
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0].2.as_deref(), Some("did you mean \"order\"?"));
    assert!(found[1].1.contains("GET /items"));
    assert!(found[2].1.contains("above max"));
    assert!(found[3].1.contains("expected a day"));
}

#[test]
fn broken_toml_is_told_at_its_line() {
    let found = mistakes("[service]\nname = \"a\nstart = 1\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 2);
}

#[test]
fn empty_and_odd_texts_never_panic() {
    for text in ["", " ", "\u{feff}", "[", "a", "=", "[service]", "service = 1", "[[service]]", "é"]
    {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert!(mistakes("")[0].1.contains("expected the key service"));
}

#[test]
fn probes_and_ports_take_both_forms() {
    let text = r#"
[service]
name = "a"
start = ["a", "b c"]
port = 8080
ports = ["debug"]
live = { path = "/live", port = "debug", status = [200, 204] }
"#;
    let service = parse(text).expect("it is good").manifest.service;
    assert_eq!(service.start.0, ["a", "b c"]);
    assert_eq!(service.port, Some(crate::Port::Fixed(8080)));
    assert_eq!(service.live.map(|live| live.0.status), Some(vec![200, 204]));
    let found = mistakes(&text.replace("8080", "70000").replace("\"/live\"", "7"));
    assert_eq!(found[0].1, "expected 1 to 65535, found 70000");
    assert_eq!(found[1].1, "expected a text in quotes, found the number 7");
}

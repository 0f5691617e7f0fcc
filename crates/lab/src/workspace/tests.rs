use super::*;
use isolation::{Request, Tier};

fn service() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for path in ["apps/api", "node_modules/x", "src", ".git"] {
        fs::create_dir_all(root.join(path)).expect("made");
    }
    for path in
        [".env", ".env.local", ".env.example", "app.js", "apps/api/.env", "apps/api/main.js"]
    {
        fs::write(root.join(path), path).expect("written");
    }
    fs::write(root.join("node_modules/x/.env"), "x").expect("written");
    folder
}

fn copies(repository: &Path) -> Confinement {
    let request = Request {
        tier: Tier::Copies,
        run: repository,
        base: repository,
        repository,
        built: None,
        out: repository,
        allowed: &[],
    };
    Confinement::enter(&request, None).expect("nothing is entered")
}

fn source() -> Source {
    Source { service: PathBuf::new(), built: None }
}

#[test]
fn env_files_are_left_out_wherever_they_are() {
    let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
    let confinement = copies(service.path());
    let made = Workspace::template(&confinement, &source(), at.path()).expect("it is made");
    assert_eq!(made.shadowed.len(), 3);
    for absent in [".env", ".env.local", "apps/api/.env", ".git"] {
        assert!(!made.outside.join(absent).exists(), "{absent}");
    }
    for present in [".env.example", "app.js", "apps/api/main.js", "node_modules/x/.env"] {
        assert!(made.outside.join(present).exists(), "{present}");
    }
    assert!(made.outside.join("node_modules").is_symlink());
    assert!(service.path().join(".env").exists());
}

#[test]
fn an_instance_begins_with_what_the_set_up_made_and_writes_nothing_back() {
    let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
    let confinement = copies(service.path());
    let template =
        Workspace::template(&confinement, &source(), &at.path().join("t")).expect("it is made");
    template.write("data/rows.sqlite", "one").expect("written");
    fs::write(template.home().join(".rc"), "home").expect("written");
    let instance =
        template.instance(&confinement, &source(), &at.path().join("i")).expect("it is made");
    let rows = instance.outside.join("data/rows.sqlite");
    assert_eq!(fs::read_to_string(&rows).expect("it is there"), "one");
    assert!(instance.home().join(".rc").exists());
    fs::write(rows, "two").expect("written");
    fs::write(instance.outside.join("app.js"), "changed").expect("written");
    let first = template.outside.join("data/rows.sqlite");
    assert_eq!(fs::read_to_string(first).expect("it is there"), "one");
    assert_eq!(fs::read_to_string(service.path().join("app.js")).expect("it is there"), "app.js");
    assert!(!service.path().join("data").exists());
}

#[test]
fn a_file_of_the_manifest_stays_in_the_folder() {
    let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
    let confinement = copies(service.path());
    let made = Workspace::template(&confinement, &source(), at.path()).expect("it is made");
    assert!(made.write("../out", "x").is_err());
    assert!(made.write("/etc/out", "x").is_err());
    // Dependencies are linked: what is written among them must not reach the user's.
    made.write("node_modules/x/.env", "new").expect("written");
    let original = fs::read_to_string(service.path().join("node_modules/x/.env"));
    assert_eq!(original.expect("it is there"), "x");
    made.write("src/new/config.js", "new").expect("written");
    assert!(made.outside.join("src/new/config.js").exists());
}

#[test]
fn a_mirror_follows_what_changed_and_keeps_what_a_build_added() {
    let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
    let (list, at) = (at.path().join("list"), at.path().join("copy"));
    // What was a link when it was copied and is a file now must not be written through.
    let shared = list.with_file_name("shared.json");
    fs::write(&shared, "the user's").expect("written");
    let link = service.path().join("config.json");
    std::os::unix::fs::symlink(&shared, &link).expect("linked");
    mirror(service.path(), &at, &list).expect("mirrored");
    fs::remove_file(&link).and_then(|()| fs::write(&link, "own")).expect("replaced");
    fs::remove_file(service.path().join(".env.local")).expect("removed");
    let at = at.as_path();
    fs::write(at.join("built"), "b").expect("written");
    fs::write(service.path().join("app.js"), "longer than before").expect("written");
    mirror(service.path(), at, &list).expect("mirrored");
    assert_eq!(fs::read_to_string(&shared).expect("it is there"), "the user's");
    assert!(!at.join(".env.local").exists(), "the user removed it");
    assert_eq!(fs::read_to_string(at.join("app.js")).expect("it is there"), "longer than before");
    assert!(at.join("built").exists());
    assert!(at.join("node_modules/x/.env").exists());
}

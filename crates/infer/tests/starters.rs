//! Small repositories of many stacks: how each starts, and that what is inferred is a manifest.

use std::fs;

use infer::{Inferred, Nothing, Seen};

fn repository(files: &[(&str, &str)]) -> Result<Inferred, Nothing> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("it is written");
    }
    infer::infer(folder.path(), None)
}

/// The start command, and the manifest after a look that found a health path.
fn start(files: &[(&str, &str)]) -> String {
    let inferred = repository(files).expect("it starts somehow");
    let seen = Seen { ready: Some("/health".to_owned()), ..Seen::default() };
    let text = infer::manifest::text(&inferred, &seen, Some("first.hurl"));
    let parsed = settings::parse(&text).unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"));
    assert!(parsed.manifest.service.ready.is_some());
    inferred.start.command.value.join(" ")
}

#[test]
fn a_script_is_unwrapped_to_its_program() {
    let package =
        r#"{"scripts":{"start":"npm run serve","serve":"NODE_ENV=production node ./bin/www"}}"#;
    assert_eq!(start(&[("package.json", package), ("bin/www", "")]), "node ./bin/www");
    let package =
        r#"{"scripts":{"start":"nest start","build":"nest build","start:prod":"node dist/main"}}"#;
    let inferred = repository(&[("package.json", package)]).expect("it starts somehow");
    assert_eq!(inferred.start.command.value, ["node", "dist/main"]);
    assert_eq!(inferred.start.build.expect("it is built").value, "npm run build");
}

#[test]
fn a_script_that_deploys_or_needs_a_shell_is_never_chosen() {
    let package = r#"{"scripts":{"start":"npm run deploy && node a.js","deploy":"rm -rf /"}}"#;
    let inferred = repository(&[("package.json", package), ("server.js", "")]);
    assert_eq!(inferred.expect("a file is there").start.command.value, ["node", "server.js"]);
}

#[test]
fn python_starts_by_what_its_source_makes() {
    let fastapi = [("requirements.txt", "fastapi"), ("app/main.py", "app = FastAPI()\n")];
    let words = "python3 -m uvicorn app.main:app --host {host} --port {port}";
    assert_eq!(start(&fastapi), words);
    let flask = [("requirements.txt", "flask"), ("app.py", "app = Flask(__name__)\n")];
    assert!(start(&flask).starts_with("python3 -m flask --app app:app run"));
    let factory = "from flask import Flask\ndef create_app(test=None):\n    app = Flask(__name__)\n    return app\n";
    let factory = [("pyproject.toml", ""), ("flaskr/__init__.py", factory)];
    assert!(start(&factory).contains("--app flaskr:create_app()"));
    let django = [("requirements.txt", "Django"), ("manage.py", "import os")];
    assert!(start(&django).ends_with("manage.py runserver --noreload {host}:{port}"));
}

#[test]
fn what_is_compiled_is_built_first() {
    let go = [
        ("go.mod", "module a\n"),
        ("cmd/api/main.go", "package main\nfunc main(){ http.ListenAndServe() }"),
    ];
    let inferred = repository(&go).expect("it starts somehow");
    assert!(inferred.start.build.expect("it is built").value.ends_with("./cmd/api"));
    let pom = "<project><parent><artifactId>spring-boot-starter-parent</artifactId>\
               <version>3.5.7</version></parent><artifactId>demo</artifactId>\
               <version>0.0.1</version></project>";
    assert_eq!(start(&[("pom.xml", pom)]), "java -jar target/demo-0.0.1.jar");
    let cargo = [("Cargo.toml", "[package]\nname = \"shop\"\n"), ("src/main.rs", "fn main() {}")];
    assert_eq!(start(&cargo), "target/release/shop");
}

#[test]
fn ruby_and_php_get_their_port_as_an_argument() {
    let sinatra = [("Gemfile", "gem 'sinatra'"), ("app.rb", "require 'sinatra'\nget '/' do\nend")];
    assert_eq!(start(&sinatra), "ruby app.rb -o {host} -p {port}");
    let composer = r#"{"scripts":{"start":"php -S localhost:8080 -t public"}}"#;
    assert_eq!(start(&[("composer.json", composer)]), "php -S {host}:{port} -t public");
}

#[test]
fn a_client_library_becomes_a_database_in_its_spelling() {
    let package = r#"{"main":"a.js","dependencies":{"pg":"^8"}}"#;
    let node = [
        ("package.json", package),
        ("a.js", "new Pool(process.env.DATABASE_URL); process.env.JWT_SECRET"),
    ];
    let inferred = repository(&node).expect("it starts somehow");
    let value = |name: &str| {
        let found = inferred.variables.iter().find(|one| one.name == name);
        found.unwrap_or_else(|| panic!("{name}: {:?}", inferred.variables)).value.clone()
    };
    assert_eq!(value("DATABASE_URL").as_deref(), Some("{database.url}"));
    assert_eq!(value("JWT_SECRET"), None);
    start(&node);
    let list = "fastapi\nSQLAlchemy\npsycopg2-binary\n";
    let python = [
        ("requirements.txt", list),
        ("main.py", "import os\nurl = os.environ['DATABASE_URL']\napp = FastAPI()\n"),
    ];
    let inferred = repository(&python).expect("it starts somehow");
    let url = inferred.variables.iter().find(|one| one.name == "DATABASE_URL").expect("it is read");
    assert_eq!(url.value.as_deref(), Some("{database.postgresql_url}"));
    assert!(url.required);
    start(&python);
}

#[test]
fn what_only_another_module_needs_is_no_dependency() {
    let module = "module a\nrequire (\n\tgo.mongodb.org/mongo-driver v1 // indirect\n\tgithub.com/jackc/pgx/v5 v5\n)\n";
    let go = [("go.mod", module), ("main.go", "package main\n")];
    let inferred = repository(&go).expect("it starts somehow");
    assert!(inferred.unknown_clients.is_empty());
    assert_eq!(inferred.dependencies.len(), 1);
}

#[test]
fn nothing_is_said_with_what_was_looked_for_and_what_is_below() {
    let nothing =
        repository(&[("README.md", ""), ("api/go.mod", "module a\n"), ("web/package.json", "{}")]);
    let nothing = nothing.expect_err("there is no service here");
    let names: Vec<_> = nothing.services.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["api", "web"]);
    assert!(nothing.looked_for.contains(&"package.json"));
}

#[test]
fn nothing_is_said_not_to_apply_where_nobody_looked() {
    let text = |files: &[(&str, &str)], reached_out: bool| {
        let inferred = repository(files).expect("it starts somehow");
        let seen = Seen { reached_out, ..Seen::default() };
        infer::manifest::text(&inferred, &seen, None)
    };
    let listed = [("package.json", r#"{"main":"a.js"}"#), ("a.js", "")];
    assert!(text(&listed, false).contains("[not-applicable]"));
    assert!(!text(&listed, true).contains("[not-applicable]"));
    let unlisted = [("Procfile", "web: ./server")];
    assert!(!text(&unlisted, false).contains("[not-applicable]"));
}

/// The address that a variable of these files gets.
fn value_of(files: &[(&str, &str)], name: &str) -> String {
    start(files);
    let inferred = repository(files).expect("it starts somehow");
    let found = inferred.variables.iter().find(|one| one.name == name);
    let found = found.unwrap_or_else(|| panic!("{name}: {:?}", inferred.variables));
    found.value.clone().unwrap_or_default()
}

#[test]
fn an_address_is_spelt_for_its_driver() {
    let source = "import os\nurl = os.environ['DATABASE_URL']\napp = FastAPI()\n";
    for (list, expected) in [
        ("sqlalchemy\nasyncpg\n", "postgresql+asyncpg://{database.user}"),
        ("sqlalchemy\npsycopg[binary]\n", "postgresql+psycopg://{database.user}"),
        ("SQLAlchemy\npymysql\n", "mysql+pymysql://{mysql.user}"),
        ("asyncpg\n", "{database.url}"),
        ("sqlmodel\npsycopg2-binary\n", "{database.postgresql_url}"),
    ] {
        let files = [("requirements.txt", list), ("main.py", source)];
        assert!(value_of(&files, "DATABASE_URL").starts_with(expected), "{list}");
    }
    let go = "package main\nfunc main() { os.Getenv(\"DATABASE_URL\"); http.ListenAndServe() }";
    let module = [("go.mod", "module a\nrequire github.com/lib/pq v1\n"), ("main.go", go)];
    assert_eq!(value_of(&module, "DATABASE_URL"), "{database.url}?sslmode=disable");
    let go = "package main\nfunc main() { os.Getenv(\"MYSQL_DSN\"); http.ListenAndServe() }";
    let module =
        [("go.mod", "module a\nrequire github.com/go-sql-driver/mysql v1\n"), ("main.go", go)];
    assert!(value_of(&module, "MYSQL_DSN").contains("@tcp({mysql.host}:{mysql.port})/"));
}

#[test]
fn a_compose_file_names_what_stands_beside_the_service() {
    let compose = "services:\n  web:\n    build: .\n    ports: ['80:3000']\n    environment:\n      DB: postgres://a:b@db/shop\n      SMTP_HOST: post\n  db: {image: 'postgres:16'}\n  post: {image: axllent/mailpit}\n  search: {image: 'elasticsearch:8'}\n";
    let files = [("compose.yaml", compose), ("package.json", r#"{"main":"a.js"}"#), ("a.js", "")];
    assert!(value_of(&files, "DB").starts_with("postgres://{database.user}:"));
    assert_eq!(value_of(&files, "SMTP_HOST"), "{mail.host}");
    let inferred = repository(&files).expect("it starts somehow");
    assert_eq!(inferred.unknown_clients[0].value, "elasticsearch");
}

#[test]
fn the_services_of_a_monorepo_have_names() {
    let compose = "services:\n  shop: {build: ./backend/api}\n  db: {image: mariadb}\n";
    let files = [("compose.yaml", compose), ("backend/api/go.mod", "module a\n")];
    let nothing = repository(&files).expect_err("there is no service at the root");
    assert_eq!(nothing.services.len(), 1);
    assert_eq!(
        (nothing.services[0].name.as_str(), nothing.services[0].folder.as_str()),
        ("shop", "backend/api")
    );
}

#[test]
fn a_script_migrates_where_a_known_tool_is_all_of_it() {
    let setup = |script: &str| {
        let package = format!(
            r#"{{"main":"a.js","dependencies":{{"pg":"8"}},"scripts":{{"migrate":"{script}"}}}}"#
        );
        let files = [("package.json", package.as_str()), ("a.js", "")];
        let inferred = repository(&files).expect("it starts somehow");
        inferred.setup.first().map(|step| step.value.clone())
    };
    assert_eq!(setup("knex migrate:latest").as_deref(), Some("knex migrate:latest"));
    assert_eq!(setup("knex migrate:rollback"), None);
    assert_eq!(setup("knex migrate:latest && node seed.js"), None);
    assert_eq!(setup("node drop-everything.js"), None);
}

#[test]
fn two_databases_make_one_manifest() {
    let package = r#"{"main":"a.js","dependencies":{"pg":"8","mysql2":"3"}}"#;
    let files = [("package.json", package), ("a.js", "")];
    assert_eq!(value_of(&files, "DATABASE_URL"), "{database.url}");
    assert_eq!(value_of(&files, "MYSQL_HOST"), "{mysql.host}");
}

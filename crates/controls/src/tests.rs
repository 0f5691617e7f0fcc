//! What holds for every control.

mod perturbation;

use super::*;

#[test]
fn every_card_stands_in_the_catalogue_in_its_order_and_once() {
    let order = |id: &str| {
        model::catalogue::ENTRIES
            .iter()
            .position(|entry| entry.id == id)
            .unwrap_or_else(|| panic!("{id} is not in the catalogue"))
    };
    let places: Vec<_> = CONTROLS.iter().map(|control| order(control.card().id)).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
}

#[test]
fn every_page_has_its_parts_and_a_manifest_that_parses() {
    for control in CONTROLS {
        let card = control.card();
        let page = card.page;
        assert!(page.starts_with(&format!("# {}\n", card.id)), "{}", card.id);
        for heading in [
            "## What it means",
            "## How it is tried",
            "## False alarms, and how they are avoided",
            "## When it breaks",
            "## In the manifest",
        ] {
            assert!(page.contains(heading), "{}: {heading}", card.id);
        }
        let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let example = example.unwrap_or_else(|| panic!("{}: no example", card.id));
        let service = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\n";
        let text = if example.contains("[service]") {
            example.to_owned()
        } else {
            format!("{service}{example}")
        };
        if let Err(mistakes) = settings::parse(&text) {
            panic!("{}: {mistakes:?}", card.id);
        }
    }
}

#[test]
fn every_control_has_settings_under_its_id() {
    let schema = settings::reference::schema();
    let known = &schema["$defs"]["Controls"]["properties"];
    for control in CONTROLS {
        assert!(known[control.card().id].is_object(), "{}", control.card().id);
    }
    let count = known.as_object().map_or(0, serde_json::Map::len);
    assert_eq!(count, CONTROLS.len(), "settings without a control");
}

#[test]
fn nothing_observed_is_never_a_pass() {
    let text = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\n";
    let manifest = settings::parse(text).expect("it is good").manifest;
    for control in CONTROLS {
        let judgement = control.judge(&manifest, &[]);
        assert_eq!(judgement.verdict(), model::Verdict::Inconclusive, "{}", control.card().id);
    }
}

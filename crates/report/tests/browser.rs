//! The report in a real browser: pictures, themes, languages, phone, keyboard and print. With
//! the feature `models` also the page of `explore --html`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod chromium;
mod common;
#[cfg(feature = "models")]
mod walkthrough;

use chromium::Open;
use common::Report;
use serde_json::{Value, json};

const DESKTOP: (u32, u32) = (1280, 2400);
const PHONE: (u32, u32) = (360, 2400);

/// The visible pictures.
const PICTURES: &str =
    "[...document.querySelectorAll('.picture svg')].filter((it) => it.checkVisibility())";

/// Scrolls to the picture with this number, and returns its place.
fn place(open: &Open, picture: u64) -> [f64; 4] {
    let place = open.ask(&format!(
        "(() => {{
            const picture = {PICTURES}[{picture}];
            picture.scrollIntoView({{ block: 'start', behavior: 'instant' }});
            const at = picture.getBoundingClientRect();
            return [at.x + scrollX, at.y + scrollY, at.width, at.height];
        }})()"
    ));
    serde_json::from_value(place).unwrap()
}

fn count(open: &Open) -> u64 {
    open.ask(&format!("{PICTURES}.length")).as_u64().unwrap()
}

#[test]
fn the_browser_reports_no_error_and_fetches_nothing() {
    let open = Open::new(Report::whole().path(), "", DESKTOP);
    for value in ["ja", "dark", "en", "light"] {
        open.ask(&format!(
            "document.querySelector('[data-value={value}]').click()"
        ));
    }
    open.unfold();
    assert_eq!(open.complaints(), [] as [String; 0]);
    let requests = open.requests();
    assert!(requests[0].starts_with("file:///"), "{requests:?}");
    let others: Vec<_> = requests[1..]
        .iter()
        .filter(|url| !url.starts_with("data:"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn each_picture_is_drawn_in_both_themes_and_on_a_phone() {
    let report = Report::whole();
    for size in [DESKTOP, PHONE] {
        let open = Open::new(report.path(), "?theme=light", size);
        open.unfold();
        let pictures = count(&open);
        assert!(pictures >= 11, "{pictures} pictures");
        for picture in 0..pictures {
            open.ask("document.querySelector('[data-value=light]').click()");
            let light = open.look(place(&open, picture));
            open.ask("document.querySelector('[data-value=dark]').click()");
            let dark = open.look(place(&open, picture));
            for (shot, theme) in [(&light, "light"), (&dark, "dark")] {
                let (colours, drawn) = (shot.colours(), shot.drawn());
                assert!(
                    colours > 8 && drawn > 0.01,
                    "picture {picture}, {theme}: {colours} colours, {drawn} drawn"
                );
            }
            let (light, dark) = (light.light(), dark.light());
            assert!(
                light > dark + 60.0,
                "picture {picture}: {light} light, {dark} dark"
            );
        }
    }
}

#[test]
fn no_text_in_a_picture_covers_another_or_is_cut_off() {
    let report = Report::whole();
    let faults = "(() => {
        const faults = [];
        for (const picture of PICTURES) {
            const frame = picture.getBoundingClientRect();
            const texts = [...picture.querySelectorAll('text')].map((it) => {
                const { left, right, top, bottom } = it.getBoundingClientRect();
                // A line is higher than its letters.
                const [above, below] = [(bottom - top) * 0.22, (bottom - top) * 0.2];
                return { text: it.textContent, left, right, top: top + above, bottom: bottom - below };
            });
            texts.forEach((a, at) => {
                if (a.left < frame.left - 1 || a.right > frame.right + 1) faults.push(['cut', a.text]);
                for (const b of texts.slice(0, at)) {
                    const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
                    if (!apart) faults.push(['covers', a.text, b.text]);
                }
            });
        }
        return faults;
    })()"
    .replace("PICTURES", PICTURES);
    for size in [DESKTOP, PHONE] {
        for lang in ["en", "ja"] {
            let open = Open::new(report.path(), &format!("?lang={lang}"), size);
            open.unfold();
            assert_eq!(open.ask(&faults), json!([]), "{size:?}, {lang}");
        }
    }
}

#[test]
fn the_language_switch_changes_title_buttons_and_all_texts() {
    let open = Open::new(Report::whole().path(), "?lang=en", DESKTOP);
    let shown =
        "[document.documentElement.lang, document.title, document.querySelector('h1').innerText]";
    let english = open.ask(shown);
    assert_eq!(english[0], "en");
    assert_eq!(english[1], english[2]);
    open.ask("document.querySelector('[data-value=ja]').click()");
    let japanese = open.ask(shown);
    assert_eq!(japanese[0], "ja");
    assert_eq!(japanese[1], japanese[2]);
    assert_ne!(english[1], japanese[1]);
    let pressed =
        "[...document.querySelectorAll('[data-switch=lang]')].map((it) => it.ariaPressed)";
    assert_eq!(open.ask(pressed), json!(["false", "true"]));
    let both = "[...document.querySelectorAll('.en')].some((it) => it.checkVisibility())";
    assert_eq!(open.ask(both), false, "English is left over");
    open.ask("document.querySelector('[data-value=en]').click()");
    assert_eq!(open.ask(shown), english);
}

#[test]
fn a_phone_never_scrolls_sideways() {
    let report = Report::whole();
    for lang in ["en", "ja"] {
        let open = Open::new(report.path(), &format!("?lang={lang}"), PHONE);
        open.unfold();
        let width = open.ask("[document.documentElement.scrollWidth, innerWidth]");
        assert_eq!(width, json!([360, 360]), "{lang}");
        // The letters of the pictures are large enough to read.
        let smallest = "Math.min(...PICTURES.flatMap((picture) => {
            const scale = picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
            const texts = [...picture.querySelectorAll('text')];
            return texts.map((it) => scale * parseFloat(getComputedStyle(it).fontSize));
        }))"
        .replace("PICTURES", PICTURES);
        let smallest = open.ask(&smallest).as_f64().unwrap();
        assert!(smallest >= 10.0, "{lang}: letters of {smallest} pixels");
    }
}

#[test]
fn the_keyboard_reaches_and_works_the_switches() {
    let open = Open::new(Report::whole().path(), "?lang=en&theme=light", DESKTOP);
    let focused = "(() => {
        const it = document.activeElement;
        return [it.className, it.dataset.value ?? '', getComputedStyle(it).outlineStyle];
    })()";
    let mut reached = Vec::new();
    for _ in 0..5 {
        open.press("Tab");
        let now = open.ask(focused);
        assert_eq!(now[2], "solid", "no focus is shown: {now}");
        reached.push(if now[0] == "skip" {
            json!("skip")
        } else {
            now[1].clone()
        });
        match now[1].as_str() {
            Some("ja") => open.press("Enter"),
            Some("dark") => open.press(" "),
            _ => {}
        }
    }
    assert_eq!(json!(reached), json!(["skip", "en", "ja", "light", "dark"]));
    let state = open.ask("[document.documentElement.lang, document.documentElement.dataset.theme]");
    assert_eq!(state, json!(["ja", "dark"]));
    // The keyboard reaches everything that scrolls.
    let scrolls = "[...document.querySelectorAll('.scroll')].every((it) => it.tabIndex === 0)";
    assert_eq!(open.ask(scrolls), true);
}

#[test]
fn it_prints_on_several_pages_without_the_parts_for_a_screen() {
    let open = Open::new(Report::whole().path(), "?theme=dark", DESKTOP);
    let pdf = open.print();
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    let pages = text.matches("/Type /Page\n").count();
    assert!((6..=24).contains(&pages), "{pages} pages");
    open.emulate_print();
    let hidden = "['.switches', 'nav', '.phone'].every((it) => !document.querySelector(it).checkVisibility())";
    assert_eq!(open.ask(hidden), true);
    // The paper is white even if the screen is dark.
    let paper = "getComputedStyle(document.documentElement).backgroundColor";
    assert_eq!(open.ask(paper), Value::from("rgb(255, 255, 255)"));
}

//! The dependency map of the services.

use ::cascade::{DEPENDENCIES, Dependency, PUBLISHED, Published, Service, Time};
use charts::{Anchor, Svg, wrap};
use maud::html;

use crate::lang::{Lang, Text, text};
use crate::page::frame::{Figure, Section, Table};
use crate::page::layers::{Layers, is_near, places};
use crate::words::services;

/// Lengths in pixels.
const BETWEEN: f64 = 32.0;
const LINE: f64 = 16.0;

pub(crate) fn section() -> Section<'static> {
    Section {
        id: "map",
        title: text("What depended on one name", "一つの名前に依存していたもの"),
        lead: vec![text(
            "One DNS name was answered without records. Services that need the database failed at once. Services that need those services failed later, some of them only while the others recovered. Below each name are the times for which it was impaired, as published (UTC).",
            "一つの DNS 名が空の応答を返しました。データベースを必要とするサービスはただちに影響を受けました。それらを必要とするサービスは後から影響を受け、なかには復旧の途中で初めて影響を受けたものもあります。名前の下は、公表された影響時間（UTC）です。",
        )],
        figures: vec![Figure {
            id: "map-services",
            caption: text(
                "Which service needs which, in the simulation. An arrow leads from a service to a service in the next row that needs it. “+” lists the other services that a service needs.",
                "シミュレーションにおける依存関係。矢印は、あるサービスから、それを必要とする次の段のサービスへ向かいます。「＋」は、そのほかに必要とするサービスです。",
            ),
            pictures: vec![Box::new(draw)],
            table: table(),
            open: false,
            code: &[
                ("crates/cascade/src/service.rs", "DEPENDENCIES"),
                ("crates/report/src/page/layers.rs", "Layers"),
            ],
        }],
        after: html! {},
    }
}

fn table() -> Table {
    let rows = DEPENDENCIES.iter().map(|it| {
        vec![
            services::name(it.service),
            services::name(it.on),
            services::need(it),
            joined_by_commas(&spans(it.service)),
        ]
    });
    Table {
        caption: text("Dependencies", "依存関係"),
        head: vec![
            text("Service", "サービス"),
            text("needs", "必要とするもの"),
            text("for", "用途"),
            text("Impaired (UTC)", "影響時間 (UTC)"),
        ],
        rows: rows.collect(),
    }
}

/// The published times for which a service was impaired, one text for each span.
fn spans(service: Service) -> Vec<Text> {
    let spans = PUBLISHED.iter().filter(|it| it.service == service);
    let span = |it: &Published| {
        let recovery = clock(it.recovery);
        match it.onset {
            Some(onset) => Text::same(format!("{onset}–{}", recovery.en)),
            None => Text::new(format!("to {}", recovery.en), format!("〜{}", recovery.ja)),
        }
    };
    spans.map(span).collect()
}

/// `09:32`, or `21 Oct 11:05`.
pub(crate) fn clock(time: Time) -> Text {
    let time = time.to_string();
    match time.split_once('T') {
        Some((day, clock)) => Text::new(format!("{day} Oct {clock}"), format!("{day} 日 {clock}")),
        None => Text::same(time),
    }
}

fn joined_by_commas(texts: &[Text]) -> Text {
    Text::said_by(|lang| {
        let texts = texts.iter().map(|text| text.get(lang));
        texts.collect::<Vec<_>>().join(lang.pick(", ", "、"))
    })
}

/// A layer with its place and its services.
struct Placed {
    top: f64,
    bottom: f64,
    services: Vec<(Service, f64, f64)>,
}

/// Places the layers below each other, each as high as its services' texts need.
fn place_all(layers: &Layers, lang: Lang, width: f64) -> Vec<Placed> {
    let most = 0.23 * width.max(480.0);
    // The first border lies half outside of its box.
    let mut top = 1.0;
    let place = |layer: &[Service]| {
        let services = places(layer, most, (0.0, width));
        let lines = services
            .iter()
            .map(|(service, from, to)| lines(*service, lang, to - from - 6.0));
        let tall = lines.map(|lines| lines.iter().map(|_| LINE).sum());
        let bottom = top + tall.fold(LINE, f64::max) + 22.0;
        let placed = Placed {
            top,
            bottom,
            services,
        };
        top = bottom + BETWEEN;
        placed
    };
    layers.iter().map(place).collect()
}

fn draw(lang: Lang, width: f64) -> Svg {
    let title = text("Map of dependencies", "依存関係の図");
    let description = text(
        "DynamoDB is on top; every other service needs it, directly or through others.",
        "最上部が DynamoDB。他のすべてのサービスが、直接または間接にこれを必要とします。",
    );
    let mut svg = Svg::new(title.get(lang), description.get(lang), width);
    let placed = place_all(&Layers::new(), lang, width);
    for dependency in DEPENDENCIES.iter().filter(|it| is_near(it)) {
        arrow(&mut svg, &placed, dependency);
    }
    for layer in &placed {
        for (service, from, to) in &layer.services {
            let size = (to - from - 6.0, layer.bottom - layer.top);
            node(&mut svg, *service, lang, (*from + 3.0, layer.top), size);
        }
        svg.reach(layer.bottom + 4.0);
    }
    svg
}

/// The lines in a service's box, each with its class: its name, when it was impaired, and
/// the services that it needs without an arrow.
fn lines(service: Service, lang: Lang, wide: f64) -> Vec<(&'static str, String)> {
    let names = wrap(services::name(service).get(lang), (wide - 4.0) / 1.14);
    let names = names.into_iter().map(|name| ("strong", name));
    let spans = spans(service);
    let spans = spans.iter().map(|span| span.get(lang));
    let spans = if wide > 120.0 {
        vec![spans.collect::<Vec<_>>().join(", ")]
    } else {
        // A span that does not fit is broken after its dash. Its letters are small.
        let parts = spans.map(|span| span.replace('–', "– "));
        parts
            .flat_map(|span| wrap(&span, wide / 0.85))
            .map(|line| line.replace("– ", "–"))
            .collect()
    };
    names
        .chain(spans.into_iter().map(|span| ("quiet small", span)))
        .chain(far(service, lang, wide).map(|line| ("small", line)))
        .collect()
}

/// The services of higher rows that a service needs, in lines of this width.
fn far(service: Service, lang: Lang, wide: f64) -> impl Iterator<Item = String> {
    let far = DEPENDENCIES
        .iter()
        .filter(|it| it.service == service && !is_near(it));
    let names: Vec<_> = far
        .map(|it| services::name(it.on).get(lang).to_owned())
        .collect();
    let text = names.join(lang.pick(", ", "、"));
    let lines = if text.is_empty() {
        Vec::new()
    } else {
        wrap(&format!("{}{text}", lang.pick("+ ", "＋")), wide / 0.85)
    };
    lines.into_iter()
}

fn node(svg: &mut Svg, service: Service, lang: Lang, at: (f64, f64), size: (f64, f64)) {
    let class = match service {
        Service::DynamoDb => "node-first",
        _ => "node",
    };
    svg.rect(at, size, 6.0, class);
    let lines = lines(service, lang, size.0);
    let tall = lines.iter().map(|_| LINE).sum::<f64>();
    let mut y = at.1 + (size.1 - tall) / 2.0 + 12.0;
    for (class, line) in lines {
        svg.text(at.0 + size.0 / 2.0, y, Anchor::Middle, class, &line);
        y += LINE;
    }
}

/// An arrow from the bottom of the needed service to the top of the service that needs it.
fn arrow(svg: &mut Svg, placed: &[Placed], dependency: &Dependency) {
    let find = |service: Service| {
        placed.iter().find_map(|layer| {
            let mut services = layer.services.iter();
            let (_, from, to) = services.find(|(it, ..)| *it == service)?;
            Some((f64::midpoint(*from, *to), layer))
        })
    };
    if let (Some((from, above)), Some((x, below))) = (find(dependency.on), find(dependency.service))
    {
        let y = below.top;
        svg.curve(&[(from, above.bottom), (x, y)], "edge");
        svg.polygon(&[(x, y), (x - 4.0, y - 7.0), (x + 4.0, y - 7.0)], "tip");
    }
}

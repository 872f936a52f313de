//! Places for labels that do not overlap.

/// Moves places apart until each is at least `gap` from the next and none is above
/// `top`. Places move down only as far as needed, and keep their order.
pub(crate) fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = wanted.to_vec();
    let mut above = top - gap;
    for at in &order {
        places[*at] = places[*at].max(above + gap);
        above = places[*at];
    }
    let mut below = bottom + gap;
    for at in order.iter().rev() {
        places[*at] = places[*at].min(below - gap);
        below = places[*at];
    }
    // If there are too many labels for the room, they extend below it.
    let over = order.first().map_or(0.0, |at| (top - places[*at]).max(0.0));
    places.iter().map(|place| place + over).collect()
}

/// Puts spans, from left to right, on as few lanes as possible so that no two spans of
/// a lane touch. Returns the lane of each span.
pub(crate) fn lanes(spans: &[(f64, f64)], gap: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|a, b| spans[*a].0.total_cmp(&spans[*b].0));
    let mut ends: Vec<f64> = Vec::new();
    let mut lanes = vec![0; spans.len()];
    for at in order {
        let (from, to) = spans[at];
        let free = ends.iter().position(|end| end + gap <= from);
        let lane = free.unwrap_or(ends.len());
        if lane == ends.len() {
            ends.push(to);
        }
        ends[lane] = to;
        lanes[at] = lane;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spread_labels_keep_their_distance_and_their_order(
            wanted in prop::collection::vec(0.0..300.0, 0..12),
        ) {
            let places = spread(&wanted, 16.0, 0.0, 300.0);
            for (a, b) in (0..wanted.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                prop_assert!((places[a] - places[b]).abs() >= 16.0 - 1e-9);
                if wanted[a] < wanted[b] {
                    prop_assert!(places[a] < places[b]);
                }
            }
            prop_assert!(places.iter().all(|place| *place >= -1e-9));
        }

        #[test]
        fn spans_on_one_lane_do_not_touch(
            spans in prop::collection::vec((0.0..300.0, 1.0..80.0), 0..12),
        ) {
            let spans: Vec<_> = spans.iter().map(|(from, wide)| (*from, from + wide)).collect();
            let lanes = lanes(&spans, 6.0);
            for (a, b) in (0..spans.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                let apart = spans[a].1 + 6.0 <= spans[b].0 || spans[b].1 + 6.0 <= spans[a].0;
                prop_assert!(lanes[a] != lanes[b] || apart);
            }
        }
    }
}

//! The colours of classes, the same on the screen and on the contact sheet; all are readable on dark and on light.

use super::cells::Colour;
use super::image_set::Class;

const COLOURS: [Colour; 12] = [
    [64, 143, 224],
    [240, 128, 40],
    [79, 163, 77],
    [222, 94, 144],
    [38, 166, 154],
    [150, 110, 200],
    [204, 156, 28],
    [217, 83, 79],
    [110, 120, 214],
    [136, 160, 50],
    [160, 116, 88],
    [128, 136, 148],
];

/// The colour of a class: neighbours differ, and a class keeps its own from file to file.
pub(super) fn colour_of(class: &Class) -> Colour {
    let number = match class {
        Class::Number(n) => n.rem_euclid(COLOURS.len() as i64) as usize,
        Class::Text(text) => text.bytes().fold(7, |hash: usize, b| hash.wrapping_mul(31).wrapping_add(usize::from(b))),
    };
    COLOURS.get(number % COLOURS.len()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_colour() {
        for n in [i64::MIN, -1, 0, 1, 11, 12, i64::MAX] {
            assert!(COLOURS.contains(&colour_of(&Class::Number(n))), "{n}");
        }
        assert_ne!(colour_of(&Class::Number(0)), colour_of(&Class::Number(1)));
        assert_eq!(colour_of(&Class::Text("cat".into())), colour_of(&Class::Text("cat".into())));
    }
}

//! From values to colours that can be told apart, also printed in grey and by people who see fewer colours.

use super::cells::Colour;
use super::numbers::Plane;
use super::picture::Picture;
use super::ticks::Scale;

/// A row of colours between which colours are mixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ColourMap {
    /// Dark blue to yellow; matplotlib's default.
    #[default]
    Viridis,
    /// Black to white.
    Grey,
    /// Black, red, yellow, white.
    Heat,
    /// Blue, white, red: for values around 0.
    Diverging,
}

/// What stands for no number.
pub(super) const NO_NUMBER: Colour = [128, 128, 128];

const VIRIDIS: [Colour; 11] = [
    [68, 1, 84],
    [72, 36, 117],
    [65, 68, 135],
    [53, 95, 141],
    [42, 120, 142],
    [33, 145, 140],
    [34, 168, 132],
    [68, 191, 112],
    [122, 209, 81],
    [189, 223, 38],
    [253, 231, 37],
];
const GREY: [Colour; 2] = [[0, 0, 0], [255, 255, 255]];
const HEAT: [Colour; 4] = [[0, 0, 0], [200, 30, 20], [255, 200, 40], [255, 255, 255]];
const DIVERGING: [Colour; 5] = [[30, 60, 150], [110, 160, 220], [247, 247, 247], [225, 120, 95], [150, 20, 40]];

impl ColourMap {
    pub(super) fn next(self) -> ColourMap {
        match self {
            ColourMap::Viridis => ColourMap::Grey,
            ColourMap::Grey => ColourMap::Heat,
            ColourMap::Heat => ColourMap::Diverging,
            ColourMap::Diverging => ColourMap::Viridis,
        }
    }

    /// The colour at `place`, from 0 to 1.
    pub(super) fn colour(self, place: f64) -> Colour {
        let colours: &[Colour] = match self {
            ColourMap::Viridis => &VIRIDIS,
            ColourMap::Grey => &GREY,
            ColourMap::Heat => &HEAT,
            ColourMap::Diverging => &DIVERGING,
        };
        let at = place.clamp(0.0, 1.0) * (colours.len() - 1) as f64;
        let (from, share) = (at.floor() as usize, at.fract());
        let (Some(a), Some(b)) = (colours.get(from), colours.get(from + 1).or(colours.last())) else {
            return NO_NUMBER;
        };
        let mut mixed = *a;
        for (to, other) in mixed.iter_mut().zip(b) {
            *to = (f64::from(*to) * (1.0 - share) + f64::from(*other) * share).round() as u8;
        }
        mixed
    }

    /// A plane as a picture: a pixel a value.
    pub(super) fn paint(self, plane: &Plane, scale: &Scale) -> Picture {
        let (width, height) = (plane.across.count(), plane.down.count());
        let (width, height) = (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0));
        let mut picture = Picture::plain(width, height, NO_NUMBER);
        for y in 0..height {
            for x in 0..width {
                let place = plane.at(x.into(), y.into()).and_then(|v| scale.place(v));
                picture.set(x, y, place.map_or(NO_NUMBER, |place| self.colour(place)));
            }
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_have_their_colours() {
        assert_eq!(ColourMap::Viridis.colour(0.0), VIRIDIS[0]);
        assert_eq!(ColourMap::Viridis.colour(1.0), VIRIDIS[10]);
        assert_eq!(ColourMap::Grey.colour(0.5), [128; 3]);
        assert_eq!(ColourMap::Heat.colour(7.0), [255; 3]);
        assert_eq!(ColourMap::Diverging.colour(-7.0), DIVERGING[0]);
        let mut map = ColourMap::default();
        for _ in 0..4 {
            map = map.next();
        }
        assert_eq!(map, ColourMap::Viridis);
    }
}

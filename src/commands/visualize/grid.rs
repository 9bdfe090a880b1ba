//! Where the pictures of a page go: as many columns and rows as show them largest.

use super::cells::Area;

/// Narrower or lower pictures show nothing.
const NARROWEST: u16 = 12;
const LOWEST: u16 = 5;
/// A cell this wide has room for index, class and name in one line.
const ONE_LINE: u16 = 30;
const GAP: u16 = 2;

/// A page of equal boxes, each for a picture with its caption below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    area: Area,
    columns: u16,
    rows: u16,
    box_width: u16,
    /// Without the caption.
    box_height: u16,
    caption_lines: u16,
}

/// What decides about a grid besides the room there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// How many pictures the user wants to see at once.
    pub(super) count: u16,
    /// Width over height of a typical picture.
    pub(super) aspect: f32,
    /// All pictures have that aspect, so that a box needs not be higher.
    pub(super) alike: bool,
    /// Captions have a name that may need a line of its own.
    pub(super) named: bool,
    /// Height over width of a character cell, about 2.
    pub(super) cell_aspect: f32,
}

impl Grid {
    /// The grid of at most `wish.count` boxes that shows pictures largest; none if not even one fits.
    pub(super) fn of(area: Area, wish: Wish) -> Option<Grid> {
        let grid = (1..=wish.count.max(1)).rev().find_map(|count| Grid::with(area, count, wish))?;
        let needed = (f32::from(grid.box_width) / (wish.aspect * wish.cell_aspect)).ceil() as u16;
        let box_height = if wish.alike { grid.box_height.min(needed.max(1)) } else { grid.box_height };
        Some(Grid { box_height, ..grid })
    }

    /// The best grid of exactly `count` boxes (and perhaps some more to fill the last row).
    fn with(area: Area, count: u16, wish: Wish) -> Option<Grid> {
        let grids = (1..=count).filter_map(|columns| Grid::shaped(area, columns, count.div_ceil(columns), wish.named));
        let mut best: Option<(f32, Grid)> = None;
        for grid in grids {
            // Empty places at the end of the last row make a grid a little worse, never decide alone.
            let empty = f32::from(grid.len() - count.min(grid.len()));
            let worth = grid.picture_width(wish) * (1.0 - 0.02 * empty);
            if best.is_none_or(|(most, _)| worth > most) {
                best = Some((worth, grid));
            }
        }
        best.map(|(_, grid)| grid)
    }

    fn shaped(area: Area, columns: u16, rows: u16, named: bool) -> Option<Grid> {
        let box_width = area.width.checked_sub(GAP.checked_mul(columns - 1)?)? / columns;
        let caption_lines = if named && box_width < ONE_LINE { 2 } else { 1 };
        // A blank line below each caption but the last.
        let box_height = ((area.height + 1) / rows).checked_sub(caption_lines + 1)?;
        let fits = box_width >= NARROWEST && box_height >= LOWEST;
        fits.then_some(Grid { area, columns, rows, box_width, box_height, caption_lines })
    }

    /// How wide a typical picture becomes, in columns.
    fn picture_width(&self, wish: Wish) -> f32 {
        f32::from(self.box_width).min(f32::from(self.box_height) * wish.cell_aspect * wish.aspect)
    }

    /// How many pictures a page shows.
    pub(super) fn len(&self) -> u16 {
        self.columns * self.rows
    }

    pub(super) fn columns(&self) -> u16 {
        self.columns
    }

    pub(super) fn caption_lines(&self) -> u16 {
        self.caption_lines
    }

    /// The place of the picture in the `i`-th box, row by row; its caption follows below.
    pub(super) fn place(&self, i: u16) -> Area {
        let (column, row) = (i % self.columns, i / self.columns);
        Area {
            x: self.area.x + column * (self.box_width + GAP),
            y: self.area.y + row * (self.box_height + self.caption_lines + 1),
            width: self.box_width,
            height: self.box_height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(width: u16, height: u16, count: u16) -> Option<(u16, u16, u16, u16)> {
        let area = Area { x: 0, y: 0, width, height };
        Grid::of(area, Wish { count, aspect: 1.0, alike: false, named: true, cell_aspect: 2.0 })
            .map(|g| (g.columns, g.rows, g.box_width, g.box_height))
    }

    #[test]
    fn twelve_pictures_lie_as_they_are_largest() {
        assert_eq!(grid(100, 40, 12), Some((4, 3, 23, 10)));
        assert_eq!(grid(60, 60, 12), Some((3, 4, 18, 12)));
        assert_eq!(grid(200, 14, 12), Some((12, 1, 14, 12)));
    }

    #[test]
    fn a_small_terminal_shows_fewer() {
        assert_eq!(grid(50, 20, 12).map(|g| g.0 * g.1), Some(6));
        assert_eq!(grid(12, 8, 12), Some((1, 1, 12, 6)));
        assert_eq!(grid(9, 8, 12), None);
        assert_eq!(grid(80, 5, 12), None);
        assert_eq!(grid(0, 0, 12), None);
    }

    #[test]
    fn one_picture_gets_all_the_room() {
        assert_eq!(grid(100, 40, 1), Some((1, 1, 100, 39)));
    }

    #[test]
    fn boxes_of_like_pictures_are_no_higher_than_the_pictures() {
        let area = Area { x: 0, y: 0, width: 40, height: 60 };
        let wish = Wish { count: 2, aspect: 4.0, alike: true, named: true, cell_aspect: 2.0 };
        assert_eq!(Grid::of(area, wish).map(|g| (g.columns, g.box_width, g.box_height)), Some((1, 40, 5)));
    }

    #[test]
    fn every_box_with_its_caption_lies_inside_of_its_area_and_none_overlap() {
        for (width, height) in (1..140).step_by(7).flat_map(|w| (1..60).step_by(3).map(move |h| (w, h))) {
            for count in [1, 5, 12, 40] {
                let area = Area { x: 3, y: 2, width, height };
                let Some(grid) =
                    Grid::of(area, Wish { count, aspect: 1.5, alike: true, named: true, cell_aspect: 2.1 })
                else {
                    continue;
                };
                let mut taken = std::collections::HashSet::new();
                for p in (0..grid.len()).map(|i| grid.place(i)) {
                    assert!(p.x >= 3 && p.x + p.width <= 3 + width, "{width}x{height} {count}");
                    assert!(
                        p.y >= 2 && p.y + p.height + grid.caption_lines() <= 2 + height,
                        "{width}x{height} {count}"
                    );
                    for x in p.x..p.x + p.width {
                        for y in p.y..p.y + p.height + grid.caption_lines() {
                            assert!(taken.insert((x, y)));
                        }
                    }
                }
            }
        }
    }
}

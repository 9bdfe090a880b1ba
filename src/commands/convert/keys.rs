//! `--keys`: what datasets are called, and which forms they have.

use super::options::Keys;
use super::picture::Channels;

/// The datasets of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scheme {
    pub(super) images: String,
    pub(super) labels: String,
    /// Whether labels are rows of zeros with a one at the number of the class.
    pub(super) one_hot: bool,
    /// The dataset that names the classes, beside the attribute.
    pub(super) classes: Option<&'static str>,
    /// Whether grey images have no dimension of channels.
    pub(super) flat_grey: bool,
}

impl Scheme {
    /// The datasets of the part that is called `part` (train, test), if it is one.
    pub(super) fn of(keys: Keys, part: Option<&str>) -> Scheme {
        let scheme = |images: &str, labels: &str| Scheme {
            images: images.to_owned(),
            labels: labels.to_owned(),
            one_hot: false,
            classes: None,
            flat_grey: false,
        };
        match keys {
            Keys::Default => scheme("images", "labels"),
            Keys::Tflearn => Scheme { one_hot: true, flat_grey: true, ..scheme("X", "Y") },
            Keys::Biggan => scheme("imgs", "labels"),
            Keys::Coursera => {
                let part = part.unwrap_or("train");
                let classes = Some("list_classes");
                Scheme { classes, ..scheme(&format!("{part}_set_x"), &format!("{part}_set_y")) }
            }
        }
    }

    /// The shape of an image without its dimension of channels, where that is wanted.
    pub(super) fn shape(&self, shape: Vec<u64>, channels: Channels) -> Vec<u64> {
        if self.flat_grey && channels == Channels::Grey {
            return shape.into_iter().filter(|&d| d != 1).collect();
        }
        shape
    }
}

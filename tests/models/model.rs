//! What a file holds.

use super::arrays::{Array, Cell};

/// All objects; the first is the root group. An object that no link leads to is not in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// In the order in which they were made.
    pub(crate) attributes: Vec<(String, Array)>,
    pub(crate) what: What,
    /// The order of attributes, and of links, is kept.
    pub(crate) ordered: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Links in the order in which they were made.
    Group(Vec<(String, LinkTo)>),
    Data(Data),
    Type(h5manager::datatype::Datatype),
}

#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) array: Array,
    pub(crate) max: Vec<Option<u64>>,
    /// What elements hold that nobody wrote.
    pub(crate) fill: Cell,
    /// It can get another shape.
    pub(crate) chunked: bool,
    /// The object that is its datatype.
    pub(crate) committed: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkTo {
    Node(usize),
    Soft(String),
    External(String, String),
    User(u8, Vec<u8>),
}

impl Model {
    pub(crate) fn new(ordered: bool) -> Model {
        Model { nodes: vec![Node::new(What::Group(Vec::new()), ordered)] }
    }

    pub(crate) fn add(&mut self, what: What, ordered: bool) -> usize {
        self.nodes.push(Node::new(what, ordered));
        self.nodes.len() - 1
    }

    pub(crate) fn links(&self, group: usize) -> &[(String, LinkTo)] {
        match &self.nodes[group].what {
            What::Group(links) => links,
            _ => &[],
        }
    }

    pub(crate) fn links_mut(&mut self, group: usize) -> &mut Vec<(String, LinkTo)> {
        match &mut self.nodes[group].what {
            What::Group(links) => links,
            _ => panic!("no group"),
        }
    }

    pub(crate) fn link(&self, group: usize, name: &str) -> Option<&LinkTo> {
        self.links(group).iter().find(|(n, _)| n == name).map(|(_, to)| to)
    }

    pub(crate) fn is_group(&self, node: usize) -> bool {
        matches!(self.nodes[node].what, What::Group(_))
    }

    /// All objects that are in the file, each with a path.
    pub(crate) fn reached(&self) -> Vec<(usize, String)> {
        let mut found = vec![(0, String::new())];
        let mut seen = vec![false; self.nodes.len()];
        seen[0] = true;
        let mut next = 0;
        while let Some((group, path)) = found.get(next).cloned() {
            next += 1;
            for (name, to) in self.links(group) {
                if let LinkTo::Node(node) = to
                    && !std::mem::replace(&mut seen[*node], true)
                {
                    found.push((*node, format!("{path}/{name}")));
                }
            }
        }
        found
    }

    /// Whether `inner` is `outer`, or lies in it.
    pub(crate) fn lies_in(&self, inner: usize, outer: usize) -> bool {
        let (mut stack, mut seen) = (vec![outer], vec![false; self.nodes.len()]);
        while let Some(node) = stack.pop() {
            if node == inner {
                return true;
            }
            if !std::mem::replace(&mut seen[node], true) {
                stack.extend(self.links(node).iter().filter_map(|(_, to)| match to {
                    LinkTo::Node(node) => Some(*node),
                    _ => None,
                }));
            }
        }
        false
    }

    /// A copy of an object with all below it; references among that lead to the copies, all others to nothing.
    pub(crate) fn copy(&mut self, start: usize) -> (usize, Vec<usize>) {
        let mut new = std::collections::BTreeMap::new();
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if let std::collections::btree_map::Entry::Vacant(place) = new.entry(node) {
                place.insert(0);
                stack.extend(self.links(node).iter().filter_map(|(_, to)| match to {
                    LinkTo::Node(node) => Some(*node),
                    _ => None,
                }));
            }
        }
        let mut gone = vec![true; self.nodes.len()];
        self.reached().iter().for_each(|(node, _)| gone[*node] = false);
        let gone = |node: usize| gone.get(node).copied().unwrap_or(true);
        let first = self.nodes.len();
        new.values_mut().zip(first..).for_each(|(to, number)| *to = number);
        for node in new.keys() {
            let mut copy = self.nodes[*node].clone();
            copy.attributes.iter_mut().for_each(|(_, array)| array.lead_to(&new, gone));
            match &mut copy.what {
                What::Group(links) => links.iter_mut().for_each(|(_, to)| {
                    if let LinkTo::Node(node) = to {
                        *node = new[node];
                    }
                }),
                What::Data(data) => {
                    data.array.lead_to(&new, gone);
                    data.committed = data.committed.and_then(|node| new.get(&node).copied());
                }
                What::Type(_) => {}
            }
            self.nodes.push(copy);
        }
        (new[&start], new.values().copied().collect())
    }

    pub(crate) fn set_attribute(&mut self, node: usize, name: &str, array: Array) {
        let attributes = &mut self.nodes[node].attributes;
        match attributes.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = array,
            None => attributes.push((name.into(), array)),
        }
    }
}

impl Node {
    pub(crate) fn new(what: What, ordered: bool) -> Node {
        Node { attributes: Vec::new(), what, ordered }
    }
}

impl Data {
    /// Writes elements to a box.
    pub(crate) fn write(&mut self, start: &[u64], extent: &[u64], cells: &[Cell]) {
        let shape = self.array.shape.clone().unwrap_or_default();
        let mut at = vec![0; extent.len()];
        for cell in cells {
            let place = at.iter().zip(start).zip(&shape).fold(0, |n, ((a, s), d)| n * d + a + s);
            self.array.cells[place as usize] = cell.clone();
            for d in (0..at.len()).rev() {
                at[d] += 1;
                if at[d] < extent[d] {
                    break;
                }
                at[d] = 0;
            }
        }
    }

    /// Gives it another shape: what is new holds the fill value.
    pub(crate) fn resize(&mut self, shape: &[u64]) {
        let old = self.array.clone();
        let old_shape = old.shape.unwrap_or_default();
        self.array.shape = Some(shape.to_vec());
        self.array.cells = vec![self.fill.clone(); shape.iter().product::<u64>() as usize];
        let both: Vec<u64> = shape.iter().zip(&old_shape).map(|(a, b)| *a.min(b)).collect();
        let count: u64 = both.iter().product();
        for i in 0..count {
            let (mut rest, mut from, mut to, mut by_old, mut by_new) = (i, 0, 0, 1, 1);
            for d in (0..both.len()).rev() {
                let at = rest % both[d];
                rest /= both[d];
                from += at * by_old;
                to += at * by_new;
                by_old *= old_shape[d];
                by_new *= shape[d];
            }
            self.array.cells[to as usize] = old.cells[from as usize].clone();
        }
    }
}

//! Whose a piece is: paths, each kept as a name and whose it stands behind, so that a deep tree of groups takes no more
//! room than its names.

/// Whose a piece is: an index into the list of owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32);

impl Owner {
    /// What belongs to no object but to the file.
    pub(super) const FILE: Owner = Owner(0);
}

#[derive(Debug)]
struct Node {
    before: Owner,
    /// What the path has behind that of the one before.
    text: Box<str>,
    depth: u32,
}

#[derive(Debug)]
pub(super) struct Owners(Vec<Node>);

/// The most bytes of a path that are shown: the last ones.
const MOST_SHOWN: usize = 4096;

impl Owners {
    pub(super) fn new() -> Owners {
        Owners(vec![Node { before: Owner::FILE, text: "".into(), depth: 0 }])
    }

    fn node(&self, owner: Owner) -> Option<&Node> {
        self.0.get(owner.0 as usize)
    }

    /// Something whose path is that of another with a text behind it.
    pub(super) fn add(&mut self, before: Owner, text: impl Into<Box<str>>) -> Owner {
        let depth = self.depth(before) + 1;
        self.0.push(Node { before, text: text.into(), depth: depth as u32 });
        Owner((self.0.len() - 1) as u32)
    }

    /// How many stand before it.
    pub(super) fn depth(&self, owner: Owner) -> usize {
        self.node(owner).map_or(0, |n| n.depth as usize)
    }

    /// What the path of a link of this group has behind the group's own.
    pub(super) fn link(&self, group: Owner, name: &str) -> Box<str> {
        let is_root = self.node(group).is_some_and(|n| &*n.text == "/" && n.before == Owner::FILE);
        if is_root { name.into() } else { ["/", name].concat().into() }
    }

    /// The path; of a very long one the end.
    pub(super) fn path(&self, owner: Owner) -> String {
        let (mut parts, mut length, mut here) = (Vec::new(), 0, owner);
        while let Some(node) = self.node(here).filter(|n| n.depth > 0) {
            if length + node.text.len() > MOST_SHOWN {
                parts.push("…");
                break;
            }
            length += node.text.len();
            parts.push(&*node.text);
            here = node.before;
        }
        parts.into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_together_from_their_parts() {
        let mut owners = Owners::new();
        let root = owners.add(Owner::FILE, "/");
        let a = owners.add(root, owners.link(root, "a"));
        let b = owners.add(a, owners.link(a, "b"));
        let datatype = owners.add(b, " (its datatype)");
        let paths = [Owner::FILE, root, a, b, datatype].map(|o| owners.path(o));
        assert_eq!(paths, ["", "/", "/a", "/a/b", "/a/b (its datatype)"]);
        let mut deep = b;
        for _ in 0..3000 {
            deep = owners.add(deep, "/c");
        }
        assert!(owners.path(deep).starts_with("…/c/c") && owners.depth(deep) == 3003);
    }
}

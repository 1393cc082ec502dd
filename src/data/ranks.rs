//! Members in the order of their scores, found by rank: a tree of blocks that know how many members are below them.
//!
//! ```text
//! inner   │ first member, count, node │ first member, count, node │ …      up to 64 branches
//! leaf    │ score, member │ score, member │ …                              up to 64 members
//! ```
//!
//! All leaves are equally deep. Scores stand beside the members, so that a search touches a member's own memory where
//! scores are equal only. Blocks grow by an eighth, which leaves them 94 % full on average; one that is split for a new
//! last member stays full, so rising scores fill all of them. Clones have the blocks in common until one of them
//! changes one: it copies that and the ones above it.

use std::cmp::Ordering;
use std::rc::Rc;

use super::member::Member;
use super::table::{Keyed, Shared};

/// A member and its score, which is a number.
#[derive(Clone)]
pub(super) struct Scored {
    pub score: f64,
    pub member: Member,
}

impl Keyed for Scored {
    type Held = Shared<Self>;

    fn key(&self) -> &[u8] {
        &self.member
    }
}

/// Compares in the order of sorted sets: by score, and by bytes where scores are equal.
pub(super) fn compare(one: (f64, &[u8]), other: (f64, &[u8])) -> Ordering {
    let by_score = one.0.partial_cmp(&other.0).expect("scores are numbers");
    by_score.then_with(|| one.1.cmp(other.1))
}

/// Tells of a place in the order whether it lies in front of the one that is looked for.
pub(super) type Before<'a> = &'a dyn Fn(f64, &[u8]) -> bool;

/// The members of a large sorted set in order.
#[derive(Clone)]
pub(super) struct Ranks {
    root: Node,
    len: usize,
}

#[derive(Clone)]
enum Node {
    Leaf(Rc<Vec<Scored>>),
    /// Not empty, but for the root at times.
    Inner(Rc<Vec<Branch>>),
}

impl Default for Node {
    fn default() -> Self {
        Node::Leaf(Rc::default())
    }
}

impl Node {
    /// Frees the last leaf, and the blocks above it that have no other; returns how many members it had.
    fn drop_last(&mut self) -> usize {
        match self {
            Node::Leaf(members) => std::mem::take(members).len(),
            Node::Inner(branches) => {
                // Blocks that somebody else has too are not gone into.
                let Some(branches) = Rc::get_mut(branches) else { return self.forget() };
                let members = branches.last_mut().map_or(0, |branch| branch.node.drop_last());
                branches.pop_if(|branch| branch.node.is_empty());
                members
            }
        }
    }

    /// Lets go of all blocks; returns how many members there are.
    fn forget(&mut self) -> usize {
        std::mem::take(self).len()
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(members) => members.is_empty(),
            Node::Inner(branches) => branches.is_empty(),
        }
    }
}

/// A node that is not empty, below an inner one.
#[derive(Clone)]
struct Branch {
    first: Scored,
    /// How many members are below.
    len: usize,
    node: Node,
}

/// The most branches or members in a block.
const WIDTH: usize = 64;

impl Ranks {
    pub fn new() -> Self {
        Self { root: Node::default(), len: 0 }
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Frees blocks of about so many members; returns how many. The rest is good for more of this alone.
    pub fn dismantle(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget {
            match self.root.drop_last() {
                0 => break,
                members => freed += members,
            }
        }
        freed
    }

    /// Returns how many bytes are allocated for blocks.
    pub fn heap_bytes(&self) -> usize {
        self.root.heap_bytes()
    }

    /// Puts in a member that is not there.
    pub fn insert(&mut self, new: Scored) {
        if let Some(upper) = self.root.insert(new) {
            let lower = std::mem::take(&mut self.root);
            self.root = Node::Inner(Rc::new(vec![Branch::of(lower), Branch::of(upper)]));
        }
        self.len += 1;
    }

    /// Takes out the member with a rank, which is below the length.
    pub fn remove(&mut self, rank: usize) -> Scored {
        let removed = self.root.remove(rank);
        self.len -= 1;
        while let Node::Inner(branches) = &mut self.root
            && branches.len() < 2
        {
            self.root = edit(branches).pop().map_or_else(Node::default, |branch| branch.node);
        }
        removed
    }

    /// Returns how many members lie before a place: all those that lie before it come first.
    pub fn count_before(&self, before: Before<'_>) -> usize {
        let is_before = |item: &Scored| before(item.score, &item.member);
        let (mut node, mut count) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(items) => return count + items.partition_point(is_before),
                Node::Inner(branches) => {
                    let at = branches.partition_point(|branch| is_before(&branch.first)).saturating_sub(1);
                    count += branches[..at].iter().map(|branch| branch.len).sum::<usize>();
                    node = &branches[at].node;
                }
            }
        }
    }

    /// Returns the members of the leaf that has the one with a rank below the length, and that one's index there.
    pub fn leaf(&self, mut rank: usize) -> (&[Scored], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => return (items, rank),
                Node::Inner(branches) => {
                    let at = locate(branches, &mut rank);
                    node = &branches[at].node;
                }
            }
        }
    }
}

/// Returns the branch of a rank, which becomes the rank within it.
fn locate(branches: &[Branch], rank: &mut usize) -> usize {
    let found = branches.iter().position(|branch| {
        let here = *rank < branch.len;
        *rank -= if here { 0 } else { branch.len };
        here
    });
    found.expect("the rank is below the length")
}

impl Branch {
    fn of(node: Node) -> Self {
        Self { first: node.first().clone(), len: node.len(), node }
    }
}

impl Node {
    /// Returns how many branches or members the block has.
    fn width(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(branches) => branches.len(),
        }
    }

    /// Returns how many members are in the node.
    fn len(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(branches) => branches.iter().map(|branch| branch.len).sum(),
        }
    }

    /// Returns the first member of a node that is not empty.
    fn first(&self) -> &Scored {
        match self {
            Node::Leaf(items) => &items[0],
            Node::Inner(branches) => &branches[0].first,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Node::Leaf(items) => items.capacity() * size_of::<Scored>(),
            Node::Inner(branches) => {
                let below: usize = branches.iter().map(|branch| branch.node.heap_bytes()).sum();
                branches.capacity() * size_of::<Branch>() + below
            }
        }
    }

    /// Puts a member in; returns the upper part if the block has split.
    fn insert(&mut self, new: Scored) -> Option<Node> {
        match self {
            Node::Leaf(items) => {
                let at = items.partition_point(|item| {
                    compare((item.score, &item.member), (new.score, &new.member)).is_lt()
                });
                insert(edit(items), at, new).map(|upper| Node::Leaf(Rc::new(upper)))
            }
            Node::Inner(branches) => {
                let behind = branches.partition_point(|Branch { first, .. }| {
                    compare((first.score, &first.member), (new.score, &new.member)).is_lt()
                });
                let at = behind.saturating_sub(1);
                let branches = edit(branches);
                let branch = &mut branches[at];
                if behind == 0 {
                    branch.first = new.clone();
                }
                branch.len += 1;
                let upper = Branch::of(branch.node.insert(new)?);
                branch.len -= upper.len;
                insert(branches, at + 1, upper).map(|upper| Node::Inner(Rc::new(upper)))
            }
        }
    }

    fn remove(&mut self, mut rank: usize) -> Scored {
        match self {
            Node::Leaf(items) => {
                let items = edit(items);
                let removed = items.remove(rank);
                if items.capacity() > items.len() + 2 * slack(items.len()) {
                    items.shrink_to(items.len() + slack(items.len()));
                }
                removed
            }
            Node::Inner(branches) => {
                let at = locate(branches, &mut rank);
                let branches = edit(branches);
                let branch = &mut branches[at];
                let removed = branch.node.remove(rank);
                branch.len -= 1;
                if branch.len == 0 {
                    branches.remove(at);
                } else {
                    if rank == 0 {
                        branch.first = branch.node.first().clone();
                    }
                    if branch.node.width() <= WIDTH / 4 {
                        join(branches, at);
                    }
                }
                removed
            }
        }
    }
}

/// Returns a block to be changed. Clones that have it too keep what it was.
#[inline(never)]
fn edit<T: Clone>(block: &mut Rc<Vec<T>>) -> &mut Vec<T> {
    Rc::make_mut(block)
}

/// Joins a branch that has become narrow with a neighbour if one block has room for both, and some to spare.
fn join(branches: &mut Vec<Branch>, at: usize) {
    for lower in [at, at.wrapping_sub(1)] {
        if let Some([one, other]) = branches.get_mut(lower..).and_then(<[Branch]>::first_chunk_mut)
            && one.node.width() + other.node.width() <= WIDTH / 4 * 3
        {
            match (&mut one.node, &mut other.node) {
                (Node::Leaf(items), Node::Leaf(more)) => edit(items).append(edit(more)),
                (Node::Inner(branches), Node::Inner(more)) => {
                    edit(branches).append(edit(more));
                }
                _ => unreachable!("all leaves are equally deep"),
            }
            one.len += other.len;
            branches.remove(lower + 1);
            return;
        }
    }
}

/// Inserts into a block; returns its upper part if it was full.
fn insert<T>(block: &mut Vec<T>, at: usize, new: T) -> Option<Vec<T>> {
    if block.len() < WIDTH {
        if block.len() == block.capacity() {
            block.reserve_exact(slack(block.len()).min(WIDTH - block.len()));
        }
        block.insert(at, new);
        return None;
    }
    if at == WIDTH {
        return Some(vec![new]);
    }
    let mut upper = block.split_off(WIDTH / 2);
    let (part, at) = if at <= WIDTH / 2 { (&mut *block, at) } else { (&mut upper, at - WIDTH / 2) };
    part.reserve_exact(1);
    part.insert(at, new);
    block.shrink_to(WIDTH / 2 + slack(WIDTH / 2));
    Some(upper)
}

/// Returns the room to make beside `len` branches or members.
fn slack(len: usize) -> usize {
    len / 8 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn scored(score: f64, member: &str) -> Scored {
        Scored { score, member: Member::new(member.as_bytes()) }
    }

    fn pair(item: &Scored) -> (f64, Vec<u8>) {
        (item.score, item.member.to_vec())
    }

    impl Node {
        /// Asserts all that the counts and first members promise; returns the depth.
        fn check(&self) -> usize {
            let Node::Inner(branches) = self else { return 0 };
            let depths: Vec<usize> = branches
                .iter()
                .map(|branch| {
                    assert_eq!(branch.len, branch.node.len());
                    assert!(branch.len > 0 && branch.node.width() <= WIDTH);
                    assert_eq!(pair(&branch.first), pair(branch.node.first()));
                    branch.node.check()
                })
                .collect();
            assert!(depths.iter().all(|depth| *depth == depths[0]));
            depths[0] + 1
        }
    }

    fn check(ranks: &Ranks, model: &[(f64, Vec<u8>)]) {
        ranks.root.check();
        assert_eq!((ranks.len(), ranks.root.len()), (model.len(), model.len()));
        let mut rank = 0;
        while rank < model.len() {
            let (items, at) = ranks.leaf(rank);
            assert_eq!(at, 0);
            assert!(items.iter().map(pair).eq(model[rank..rank + items.len()].iter().cloned()));
            rank += items.len();
        }
    }

    #[test]
    fn are_those_of_a_sorted_vector() {
        for seed in 0..6 {
            let mut random = Random::new(seed);
            let (mut ranks, mut model) = (Ranks::new(), Vec::<(f64, Vec<u8>)>::new());
            for step in 0..8_000 {
                let score =
                    if seed % 2 == 0 { random.below(10) as f64 } else { random.below(1 << 40) as f64 };
                let member = random.below(5_000).to_string();
                let at = model.partition_point(|(s, m)| compare((*s, m), (score, member.as_bytes())).is_lt());
                let found = ranks.count_before(&|s, m| compare((s, m), (score, member.as_bytes())).is_lt());
                assert_eq!(found, at);
                let present = model.get(at).is_some_and(|(s, m)| *s == score && *m == member.as_bytes());
                if !present && random.below(3) < if step % 4_000 < 2_500 { 2 } else { 1 } {
                    ranks.insert(scored(score, &member));
                    model.insert(at, (score, member.into_bytes()));
                } else if at < model.len() {
                    let most = if step % 4_000 < 2_500 { 1 } else { random.below(6) };
                    for _ in 0..most.min((model.len() - at) as u64) {
                        assert_eq!(pair(&ranks.remove(at)), model.remove(at));
                    }
                }
                if step % 200 == 0 {
                    check(&ranks, &model);
                }
            }
            let (clone, all) = (ranks.clone(), model.clone());
            while ranks.len() > 0 {
                let rank = random.below(ranks.len() as u64) as usize;
                assert_eq!(pair(&ranks.remove(rank)), model.remove(rank));
            }
            check(&clone, &all);
            assert!(matches!(&ranks.root, Node::Leaf(items) if items.is_empty()));
        }
    }

    #[test]
    fn hold_little_more_than_their_members() {
        let bytes = |order: &dyn Fn(u64) -> f64| {
            let mut ranks = Ranks::new();
            (0..20_000u64).for_each(|n| ranks.insert(scored(order(n), "")));
            ranks.heap_bytes() / 20_000
        };
        assert_eq!(bytes(&|n| n as f64), 16);
        let scattered = bytes(&|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64);
        assert!(scattered <= 20, "{scattered}");
    }
}

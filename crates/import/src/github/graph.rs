//! The order of jobs: a graph of `needs` as blocks in each other that are serial or parallel.

/// A part of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Job(usize),
    Serial(Vec<Order>),
    Parallel(Vec<Order>),
}

/// The jobs of a graph in blocks. `needs[j]` are those before `j`. The second value says whether a
/// job waits for more than it needs, because the graph has no blocks.
pub(super) fn ordered(needs: &[Vec<usize>]) -> (Order, bool) {
    let count = needs.len();
    let mut before = vec![vec![false; count]; count];
    // As often as there are jobs: the longest way through the graph. A circle changes nothing.
    for _ in 0..count {
        for job in 0..count {
            for &needed in &needs[job] {
                before[needed][job] = true;
                for row in &mut before {
                    if row[needed] {
                        row[job] = true;
                    }
                }
            }
        }
    }
    let mut waits = false;
    let all: Vec<usize> = (0..count).collect();
    (part(&all, &before, &mut waits), waits)
}

/// Whether a job needs itself, through others.
pub(super) fn has_circle(needs: &[Vec<usize>]) -> bool {
    let mut left: Vec<usize> = (0..needs.len()).collect();
    loop {
        let free = |job: &usize| !needs[*job].iter().any(|it| left.contains(it));
        let Some(place) = left.iter().position(free) else {
            return !left.is_empty();
        };
        left.remove(place);
    }
}

fn part(jobs: &[usize], before: &[Vec<bool>], waits: &mut bool) -> Order {
    if let [one] = jobs {
        return Order::Job(*one);
    }
    let related = |a: usize, b: usize| before[a][b] || before[b][a];
    let apart = groups(jobs, &related);
    if apart.len() > 1 {
        return Order::Parallel(apart.iter().map(|it| part(it, before, waits)).collect());
    }
    let unrelated = |a: usize, b: usize| !related(a, b);
    let mut in_turn = groups(jobs, &unrelated);
    if in_turn.len() > 1 {
        // All of one group are before all of another.
        in_turn.sort_by_key(|group| jobs.iter().filter(|it| before[**it][group[0]]).count());
        return Order::Serial(in_turn.iter().map(|it| part(it, before, waits)).collect());
    }
    *waits = true;
    let is_first = |job: &usize| !jobs.iter().any(|it| before[*it][*job]);
    let (first, rest): (Vec<usize>, Vec<usize>) = jobs.iter().partition(|it| is_first(it));
    if first.is_empty() || rest.is_empty() {
        return Order::Parallel(jobs.iter().map(|it| Order::Job(*it)).collect());
    }
    let rest = match part(&rest, before, waits) {
        Order::Serial(rest) => rest,
        rest => vec![rest],
    };
    let mut all = vec![part(&first, before, waits)];
    all.extend(rest);
    Order::Serial(all)
}

/// The jobs in groups that are held together by a relation, in the order of their first jobs.
fn groups(jobs: &[usize], related: &dyn Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = jobs.to_vec();
    let mut found = Vec::new();
    while !left.is_empty() {
        let mut group = vec![left.remove(0)];
        let mut at = 0;
        while at < group.len() {
            let job = group[at];
            let (more, others): (Vec<usize>, Vec<usize>) = left
                .iter()
                .partition(|it| related(job, **it) && job != **it);
            group.extend(more);
            left = others;
            at += 1;
        }
        group.sort_unstable();
        found.push(group);
    }
    found
}

impl Order {
    /// Puts jobs in turn that would be side by side, where what they give is needed outside: what
    /// stands in a parallel block cannot be seen behind it. Says which jobs.
    /// `reads(a, b)`: whether `b`, or what is behind the jobs where it is `None`, reads outputs of
    /// `a`.
    pub(super) fn let_see(
        &mut self,
        reads: &dyn Fn(usize, Option<usize>) -> bool,
        count: usize,
        found: &mut Vec<usize>,
    ) {
        match self {
            Self::Job(_) => {}
            Self::Serial(parts) => {
                parts
                    .iter_mut()
                    .for_each(|it| it.let_see(reads, count, found));
                let flat = std::mem::take(parts);
                for part in flat {
                    match part {
                        Self::Serial(inner) => parts.extend(inner),
                        part => parts.push(part),
                    }
                }
            }
            Self::Parallel(parts) => {
                parts
                    .iter_mut()
                    .for_each(|it| it.let_see(reads, count, found));
                let leaves = |part: &Self| {
                    let own = part.jobs();
                    let mut outside = (0..count).filter(|it| !own.contains(it));
                    let mut all = outside.by_ref().map(Some).collect::<Vec<_>>();
                    all.push(None);
                    own.iter()
                        .any(|job| all.iter().any(|reader| reads(*job, *reader)))
                };
                if parts.iter().any(leaves) {
                    found.extend(parts.iter().flat_map(Self::jobs));
                    let mut flat = Vec::new();
                    for part in std::mem::take(parts) {
                        match part {
                            Self::Serial(inner) => flat.extend(inner),
                            part => flat.push(part),
                        }
                    }
                    *self = Self::Serial(flat);
                }
            }
        }
    }

    /// Its jobs.
    pub(super) fn jobs(&self) -> Vec<usize> {
        match self {
            Self::Job(job) => vec![*job],
            Self::Serial(parts) | Self::Parallel(parts) => {
                parts.iter().flat_map(Self::jobs).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(order: &Order) -> String {
        let all = |parts: &[Order]| parts.iter().map(shown).collect::<Vec<_>>();
        match order {
            Order::Job(job) => job.to_string(),
            Order::Serial(parts) => format!("({})", all(parts).join(" < ")),
            Order::Parallel(parts) => format!("{{{}}}", all(parts).join(", ")),
        }
    }

    #[test]
    fn graphs_become_blocks() {
        let diamond = [vec![], vec![0], vec![0], vec![1, 2]];
        assert_eq!(shown(&ordered(&diamond).0), "(0 < {1, 2} < 3)");
        let apart = [vec![], vec![], vec![0]];
        assert_eq!(shown(&ordered(&apart).0), "{(0 < 2), 1}");
        assert!(!ordered(&apart).1);
        // 2 needs both, 3 needs the second alone: there are no blocks for that.
        let crossed = [vec![], vec![], vec![0, 1], vec![1]];
        assert_eq!(ordered(&crossed), (ordered(&crossed).0, true));
        assert_eq!(shown(&ordered(&crossed).0), "({0, 1} < {2, 3})");
    }

    #[test]
    fn circles_are_found() {
        assert!(has_circle(&[vec![1], vec![0]]));
        assert!(!has_circle(&[vec![], vec![0]]));
        // What is refused later must not hang here.
        ordered(&[vec![1], vec![0]]);
    }
}

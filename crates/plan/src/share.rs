//! Shares of cells: what a percent of `batches` or `tolerate` is as a number of cells. A batch is
//! rounded up, so that each has a cell; what is tolerated is rounded down.

/// Parts of a cell that are no more than what floating point adds or loses: 17.6 % of 375 is 66.
const MAX_ROUNDING_ERROR: f64 = 1e-6;

/// The size of a batch that is a share of the cells: at least one cell.
pub fn batch_of(percent: f64, cells: usize) -> usize {
    (share(percent, cells).ceil() as usize).max(1)
}

/// How many of the cells may fail where a share of them is tolerated.
pub fn tolerated_of(percent: f64, cells: usize) -> usize {
    share(percent, cells).floor() as usize
}

/// The exact share, as a whole number where it is one.
fn share(percent: f64, cells: usize) -> f64 {
    let share = cells as f64 * percent / 100.0;
    let whole = share.round();
    match (share - whole).abs() < MAX_ROUNDING_ERROR {
        true => whole,
        false => share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_rounded_up_and_what_is_tolerated_down() {
        let both = |percent, cells| (batch_of(percent, cells), tolerated_of(percent, cells));
        assert_eq!(both(10.0, 10), (1, 1));
        assert_eq!(both(10.0, 11), (2, 1));
        assert_eq!(both(10.0, 9), (1, 0));
        assert_eq!(both(0.0, 9), (1, 0));
        assert_eq!(both(10.0, 0), (1, 0));
        assert_eq!(both(100.0, 7), (7, 7));
        assert_eq!(both(200.0, 7), (14, 14));
    }

    /// All percents with two digits behind the point, against whole numbers.
    #[test]
    fn a_share_is_as_exact_as_it_is_written() {
        for hundredths in 0..=10_000_usize {
            let percent = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let percent: f64 = percent.parse().unwrap();
            for cells in (1..=40).chain([125, 375, 500, 750, 1_000, 99_999, 1_000_000]) {
                let up = (hundredths * cells).div_ceil(10_000).max(1);
                let down = hundredths * cells / 10_000;
                assert_eq!(batch_of(percent, cells), up, "{percent}% of {cells}");
                assert_eq!(tolerated_of(percent, cells), down, "{percent}% of {cells}");
            }
        }
    }
}

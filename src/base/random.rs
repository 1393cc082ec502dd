//! A seeded generator: the same seed gives the same numbers on every platform.

/// A generator of random numbers (xoshiro256**). Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Returns the generator of one seed. Any seed is as good as any other.
    pub fn new(seed: u64) -> Self {
        // The state must not be all zeros; splitmix64 never gives four of them in a row.
        let mut mix = seed;
        let state = std::array::from_fn(|_| {
            mix = mix.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (mix ^ (mix >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// Returns 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator without an end would only be a longer name"
    )]
    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        b.wrapping_mul(5).rotate_left(7).wrapping_mul(9)
    }

    /// Returns a number from 0 to `n - 1`, each as likely as the others.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below zero");
        // The high half of a product of 64 random bits with `n` is the answer. The `2^64 mod n` lowest values of
        // the low half belong to answers that would come up once too often, so they are drawn again.
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            let low = product as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }

    /// Fills `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Chooses some of several things that come one after the other. Any choice is as likely as any other.
pub struct Chooser {
    wanted: u64,
    left: u64,
}

impl Chooser {
    /// Begins to choose `wanted` of `all` things, or all of them if there are fewer.
    pub fn new(all: usize, wanted: usize) -> Self {
        Self { wanted: wanted.min(all) as u64, left: all as u64 }
    }

    /// Tells whether the next thing is chosen. To be asked once for each.
    pub fn takes(&mut self, random: &mut Random) -> bool {
        if self.wanted == 0 {
            return false;
        }
        // So many of those that are left are wanted.
        let takes = random.below(self.left) < self.wanted;
        self.left -= 1;
        self.wanted -= u64::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        // The published first outputs of splitmix64 and xoshiro256**.
        assert_eq!(Random::new(0).state[0], 0xe220_a839_7b1d_cdaf);
        let mut random = Random { state: [1, 2, 3, 4] };
        assert_eq!([random.next(), random.next(), random.next()], [11520, 0, 1_509_978_240]);
    }

    #[test]
    fn below_is_even() {
        let mut random = Random::new(1);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[random.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        // A bound of 3/4 of the range: without drawing again the lower half would come up twice as often.
        let bound = 3 << 62;
        let low = (0..60_000).filter(|_| random.below(bound) < bound / 2).count();
        assert!((29_000..31_000).contains(&low), "{low}");
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn fill_reaches_every_byte() {
        for len in 0..20 {
            let mut seen = vec![0u8; len];
            for seed in 0..20 {
                let mut bytes = vec![0u8; len];
                Random::new(seed).fill(&mut bytes);
                seen.iter_mut().zip(bytes).for_each(|(all, byte)| *all |= byte);
            }
            assert!(seen.iter().all(|&byte| byte != 0));
        }
    }
}

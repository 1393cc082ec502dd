//! Sets of named bits.

/// Declares a set of named bits: a constant each, and the names.
macro_rules! bits {
    ($(#[$doc:meta])* $type:ident($repr:ty) { $($(#[$note:meta])* $name:ident = $bit:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $type($repr);

        impl $type {
            pub const NONE: Self = Self(0);
            $($(#[$note])* pub const $name: Self = Self(1 << $bit);)*
            /// Every bit with the name that Redis has for it.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];

            /// Returns whether all of `other` is in it.
            #[inline]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Returns whether any of `other` is in it.
            #[inline]
            pub const fn any(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            pub const fn or(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Returns the names of what is in it.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::ALL.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }

            /// Returns the one bit of this name, in any case.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, text)| text.eq_ignore_ascii_case(name)).map(|(bit, _)| *bit)
            }
        }

        impl std::ops::BitOr for $type {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.or(other)
            }
        }
    };
}

pub(crate) use bits;

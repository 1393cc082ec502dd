//! The first word of an entry.

/// Kind, flags and access clock in one word.
#[derive(Clone, Copy, Default)]
pub(super) struct Meta(u32);

impl Meta {
    const KIND: u32 = 0b11;
    pub const DEADLINE: u32 = 1 << 2;
    pub const RAW: u32 = 1 << 3;
    const CLOCK_AT: u32 = 8;

    pub fn kind(self) -> Kind {
        match self.0 & Self::KIND {
            0 => Kind::Int,
            1 => Kind::Inline,
            2 => Kind::Heap,
            _ => Kind::Object,
        }
    }

    pub fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    pub fn clock(self) -> u32 {
        self.0 >> Self::CLOCK_AT
    }

    pub fn with_kind(self, kind: Kind) -> Self {
        Self(self.0 & !Self::KIND | kind as u32)
    }

    pub fn with_deadline(self, on: bool) -> Self {
        if on { Self(self.0 | Self::DEADLINE) } else { Self(self.0 & !Self::DEADLINE) }
    }

    pub fn with_raw(self, on: bool) -> Self {
        if on { Self(self.0 | Self::RAW) } else { Self(self.0 & !Self::RAW) }
    }

    pub fn with_clock(self, clock: u32) -> Self {
        Self(self.0 & ((1 << Self::CLOCK_AT) - 1) | clock << Self::CLOCK_AT)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Inline,
    Heap,
    Object,
}

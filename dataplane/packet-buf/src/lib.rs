//! The trait between the packet engine and packet memory. A crate of its own, so that the engine need not know DPDK, nor
//! DPDK's packets the engine.

/// One packet in contiguous memory that has some room in front.
pub trait PacketBuf {
    /// The frame, from the Ethernet header on.
    fn bytes(&self) -> &[u8];
    /// The frame, to be written to.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Makes the frame `octets` longer at its front; the new octets hold anything. False, and nothing has
    /// changed, when the headroom is shorter.
    #[must_use]
    fn prepend(&mut self, octets: usize) -> bool;
    /// Octets that [`PacketBuf::prepend`] grants.
    fn headroom(&self) -> usize;
    /// Makes the frame `octets` longer at its end; the new octets hold anything. False, and nothing has changed, when
    /// there is less room behind it.
    #[must_use]
    fn extend(&mut self, octets: usize) -> bool;
    /// As [`PacketBuf::prepend`]; where the headroom is too short, the frame moves toward the end of its memory. False,
    /// and nothing has changed, when there is too little room on both sides together.
    #[must_use]
    fn grow_front(&mut self, octets: usize) -> bool {
        let len = self.bytes().len();
        let missing = octets.saturating_sub(self.headroom());
        if missing > 0 {
            if !self.extend(missing) {
                return false;
            }
            self.bytes_mut().copy_within(..len, missing);
            // What the frame moved over is headroom now: the frame is that much longer.
            return self.prepend(octets - missing);
        }
        self.prepend(octets)
    }
    /// Cuts `octets` off the front. False, and nothing has changed, when the frame is shorter.
    #[must_use]
    fn trim_front(&mut self, octets: usize) -> bool;
    /// Cuts the end off so that `len` octets remain; nothing when the frame is not longer.
    fn truncate(&mut self, len: usize);
}

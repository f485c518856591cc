//! Every code has a page whose wrong example gives that code and no other, and whose right
//! example gives none.

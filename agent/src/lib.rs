//! What touches the world: Git, engines, forges, the record, and the order of a pass.

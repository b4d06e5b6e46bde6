//! What Writ did not make is left alone, and named.

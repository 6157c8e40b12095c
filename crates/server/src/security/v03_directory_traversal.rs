//! ディレクトリ・トラバーサル (CWE-22).
//!
//! No part of an address becomes part of a file name. Files of the look are compiled into the program and found by
//! comparing texts; contracts are found in a map that was filled at the start; entries are found by number. Ids that do
//! name folders (the contract's) are read from the disk, not from a request, and hold no separator.

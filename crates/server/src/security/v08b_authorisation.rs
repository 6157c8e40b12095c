//! 認可処理 (CWE-285, 639, 862, 863).
//!
//! Who acts is taken from the session, never from a field. Whether he may is decided in the writer's turn, on the court as
//! it stands then, by one function over role and act: nobody agrees to a proposal of his own party, an auditor never
//! acts. Ids of another person or contract find nothing, because they are looked up among one's own.

-- What compares questions is for the owner's connections alone: the role of the answers may call what releases, no more.

REVOKE EXECUTE ON FUNCTION shares_most(bigint[], bigint[]), latest_decision(bigint[], bigint[]) FROM PUBLIC;

ovsns add-ns ns1

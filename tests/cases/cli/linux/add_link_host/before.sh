ovsns add-ns a-name-that-is-long

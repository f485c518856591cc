# Whether two variables are the same.
if [ "$ONE" = "$TWO" ]; then echo "the same"; else exit 1; fi

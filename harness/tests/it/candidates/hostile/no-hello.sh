# Ends without a word.
read -r request

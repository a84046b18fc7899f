package rawjson

// IsObject says whether valid JSON is an object.
func IsObject(b []byte) bool {
	i := skipSpace(b, 0)
	return i < len(b) && b[i] == '{'
}

// Members calls visit with each member of the object b, which is valid JSON,
// until visit returns an error. Keys come as they are written, without quotes.
func Members(b []byte, visit func(key string, value []byte) error) error {
	i := skipSpace(b, 0) + 1 // behind '{'
	for {
		i = skipSpace(b, i)
		if b[i] == '}' {
			return nil
		}
		end := endOfValue(b, i)
		key := string(b[i+1 : end-1])
		i = skipSpace(b, skipSpace(b, end)+1) // behind ':'
		end = endOfValue(b, i)
		if err := visit(key, b[i:end]); err != nil {
			return err
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i++
		}
	}
}

// endOfValue is where the value that begins at i of valid JSON ends.
func endOfValue(b []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch b[i] {
		case '"':
			end, _ := skipString(b, i)
			if depth == 0 {
				return end
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 { // a number or a literal: up to what cannot be a part of it
				for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
					i++
				}
				return i
			}
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

package lambdaapi

// operation is one of AWS's operations.
type operation struct {
	name   string
	method string
	uri    string // a template, perhaps with a query that must be there
	status int    // of a success
	input  string // name of the input's shape; "" for none
}

type kind int

const (
	kindStructure kind = iota
	kindString
	kindInteger
	kindLong
	kindDouble
	kindBoolean
	kindBlob
	kindTimestamp
	kindList
	kindMap
)

// shape is a type of the service model with what it demands of values.
type shape struct {
	kind     kind
	members  []member // of a structure
	payload  string   // the member that is the whole body
	member   string   // shape of a list's elements
	key      string   // shapes of a map
	value    string
	min, max *float64 // of numbers, else of lengths
	pattern  string
	enum     []string
}

type member struct {
	name         string
	shape        string
	location     string // uri, querystring, header; "" is the body
	locationName string // "" is name
	required     bool
}

// wire is how the member is called where it travels.
func (m member) wire() string {
	if m.locationName != "" {
		return m.locationName
	}
	return m.name
}

func bound(f float64) *float64 { return &f }

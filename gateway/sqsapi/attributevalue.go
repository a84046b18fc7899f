package sqsapi

import (
	"crypto/md5"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
)

// value is a message attribute as it travels.
type value struct {
	DataType         string
	StringValue      *string  `json:",omitempty"`
	BinaryValue      []byte   `json:",omitempty"`
	StringListValues []string `json:",omitempty"`
	BinaryListValues [][]byte `json:",omitempty"`
}

var (
	attributeName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,256}$`)
	dataType      = regexp.MustCompile(`^(String|Number|Binary)(\..{1,249})?$`)
)

const maxAttributes = 10

// attributeValues checks a message's attributes and says how many bytes they
// count for.
func attributeValues(given map[string]value) (values map[string]rouse.MessageAttribute, size int, err error) {
	if len(given) > maxAttributes {
		return nil, 0, invalid("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(given), maxAttributes)
	}
	if len(given) == 0 {
		return nil, 0, nil
	}
	values = make(map[string]rouse.MessageAttribute, len(given))
	for _, name := range sorted(given) {
		v := given[name]
		if err := checkAttribute(name, v); err != nil {
			return nil, 0, err
		}
		one := rouse.MessageAttribute{Type: v.DataType, Binary: v.BinaryValue}
		if v.StringValue != nil {
			one.Text = *v.StringValue
		}
		values[name] = one
		size += len(name) + len(one.Type) + len(one.Text) + len(one.Binary)
	}
	return values, size, nil
}

func checkAttribute(name string, v value) error {
	lower := strings.ToLower(name)
	switch {
	case !attributeName.MatchString(name) || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."),
		strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
		return invalid("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, '_', '-', and '.'; "+
			"it must not begin with AWS. or Amazon., nor begin or end with a dot.", clip(name))
	case v.DataType == "":
		return invalid("The message attribute '%s' must contain a non-empty message attribute type.", name)
	case !dataType.MatchString(v.DataType):
		return invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
	case len(v.StringListValues)+len(v.BinaryListValues) > 0:
		return fail("UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported.")
	}
	binary := strings.HasPrefix(v.DataType, "Binary")
	switch {
	case binary && (len(v.BinaryValue) == 0 || v.StringValue != nil), !binary && (v.StringValue == nil || *v.StringValue == "" || v.BinaryValue != nil):
		return invalid("The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, v.DataType)
	case strings.HasPrefix(v.DataType, "Number") && !numeric(*v.StringValue):
		return invalid("Could not cast message attribute '%s' value to number.", name)
	case !binary && !allowed(*v.StringValue):
		return invalid("The message attribute '%s' contains characters that are not allowed.", name)
	}
	return nil
}

func numeric(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && !strings.ContainsAny(text, "xXpPiInN_")
}

// asTravels is an attribute in the form that clients read.
func asTravels(m rouse.MessageAttribute) value {
	v := value{DataType: m.Type, BinaryValue: m.Binary}
	if !strings.HasPrefix(m.Type, "Binary") {
		v.StringValue = &m.Text
	}
	return v
}

func bodyMD5(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}

// allowed says whether a text has only the characters that SQS takes.
func allowed(text string) bool {
	for _, c := range text {
		switch {
		case c == '\t', c == '\n', c == '\r', c >= 0x20 && c <= 0xd7ff, c >= 0xe000 && c <= 0xfffd && c != 0xfffd, c >= 0x10000:
		case c == 0xfffd:
			// The character itself; what was no UTF-8 has become it while the JSON was read.
		default:
			return false
		}
	}
	return true
}

package awsfront

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// protocol is how a service's clients and servers write things.
type protocol int

const (
	restJSON   protocol = iota // Lambda, API Gateway
	jsonTarget                 // DynamoDB, SQS: everything is POST /, X-Amz-Target says what
	query                      // STS, IAM, SNS: a form, and XML back
	restXML                    // CloudFront, Route 53
	s3                         // like restXML, with errors of its own
	cbor                       // Smithy's RPC v2
)

func protocolOf(r *http.Request, service string) protocol {
	content := r.Header.Get("Content-Type")
	switch {
	case strings.EqualFold(r.Header.Get("Smithy-Protocol"), "rpc-v2-cbor"):
		return cbor
	case r.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(content, "application/x-amz-json"):
		return jsonTarget
	case service == "s3" || service == "s3express":
		return s3
	case strings.HasPrefix(content, "application/x-www-form-urlencoded") || r.URL.Query().Has("Action"):
		return query
	case service == "cloudfront" || service == "route53":
		return restXML
	}
	return restJSON
}

// otherNames are what errors are called in AWS's older protocols, and by S3.
var otherNames = map[string]struct{ query, s3 string }{
	"MissingAuthenticationTokenException": {"MissingAuthenticationToken", "AccessDenied"},
	"UnrecognizedClientException":         {"InvalidClientTokenId", "InvalidAccessKeyId"},
	"InvalidSignatureException":           {"SignatureDoesNotMatch", "SignatureDoesNotMatch"},
	"IncompleteSignatureException":        {"IncompleteSignature", "AuthorizationHeaderMalformed"},
	"AccessDeniedException":               {"AccessDenied", "AccessDenied"},
	"RequestEntityTooLargeException":      {"RequestEntityTooLarge", "EntityTooLarge"},
	"NotImplementedException":             {"NotImplemented", "NotImplemented"},
	"ServiceUnavailableException":         {"ServiceUnavailable", "ServiceUnavailable"},
}

type xmlError struct {
	XMLName   xml.Name `xml:"Error"`
	Type      string   `xml:"Type,omitempty"`
	Code      string   `xml:"Code"`
	Message   string   `xml:"Message"`
	Resource  string   `xml:"Resource,omitempty"`
	RequestID string   `xml:"RequestId,omitempty"`
}

type xmlErrorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Error     xmlError
	RequestID string `xml:"RequestId"`
}

// writeError answers with an error in the form that a protocol's clients read.
func writeError(w http.ResponseWriter, r *http.Request, p protocol, status int, name, message, id string) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", id)
	var body []byte
	var err error
	switch p {
	case query, restXML, s3:
		kind := "Sender"
		if status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		if other, ok := otherNames[name]; ok {
			if name = other.query; p == s3 {
				name = other.s3
			}
		}
		h.Set("Content-Type", "text/xml")
		if p == s3 {
			h.Set("Content-Type", "application/xml")
			body, err = xml.Marshal(xmlError{Code: name, Message: message, Resource: r.URL.Path, RequestID: id})
		} else {
			body, err = xml.Marshal(xmlErrorResponse{Error: xmlError{Type: kind, Code: name, Message: message}, RequestID: id})
		}
		body = append([]byte(xml.Header), body...)
	case cbor:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
		body = cborMap("__type", name, "message", message)
	case jsonTarget:
		h.Set("Content-Type", "application/x-amz-json-1.0")
		h.Set("X-Amzn-Errortype", name)
		body, err = json.Marshal(map[string]string{"__type": "com.amazon.coral.service#" + name, "message": message})
	default:
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-Errortype", name)
		body, err = json.Marshal(map[string]string{"message": message})
	}
	if err != nil {
		panic("awsfront: an error that cannot be encoded: " + err.Error())
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) // a client that left cannot be told anything
	}
}

// cborMap encodes a map of strings (RFC 8949).
func cborMap(pairs ...string) []byte {
	b := []byte{0xa0 | byte(len(pairs)/2)}
	for _, s := range pairs {
		b = binary.BigEndian.AppendUint32(append(b, 0x7a), uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

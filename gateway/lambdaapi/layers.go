package lambdaapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/gateway"
)

// maxLayers is how many a function may have, as on AWS.
const maxLayers = 5

// layerView is AWS's LayerVersion in its several answers.
type layerView struct {
	Content                 *layerContent `json:",omitempty"`
	LayerArn                string        `json:",omitempty"`
	LayerVersionArn         string
	Description             string
	CreatedDate             string
	Version                 int
	CompatibleRuntimes      []string `json:",omitzero"` // an empty list that was given is told
	LicenseInfo             string   `json:",omitempty"`
	CompatibleArchitectures []string `json:",omitzero"`
}

type layerContent struct {
	Location, CodeSha256 string
	CodeSize             int64
}

func (a *api) layerView(name string, v *rouse.LayerVersion) layerView {
	return layerView{
		LayerVersionArn: a.Place.LayerARN(name, strconv.Itoa(v.Number)), Description: v.Description, CreatedDate: date(v.Created), Version: v.Number,
		CompatibleRuntimes: v.Runtimes, LicenseInfo: v.License, CompatibleArchitectures: v.Architectures,
	}
}

// wholeLayer is the view of one version on its own, with its content.
func (a *api) wholeLayer(c *gateway.Call, name string, v *rouse.LayerVersion) layerView {
	view := a.layerView(name, v)
	digest := strings.TrimPrefix(v.Package.Digest, "sha256:")
	raw, _ := hex.DecodeString(digest) // ours
	view.LayerArn = a.Place.LayerARN(name, "")
	view.Content = &layerContent{packageURL(c, digest), base64.StdEncoding.EncodeToString(raw), int64(v.Package.Size)}
	return view
}

var layerARN = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::(\d+))?$`)

// layerName reads a LayerName, which may be an ARN of this place.
func (a *api) layerName(text string) (string, error) {
	parts := layerARN.FindStringSubmatch(text)
	if parts == nil {
		return text, nil
	}
	if parts[1] != a.Place.Region || parts[2] != a.Place.Account {
		return "", a.deniedLayer(text)
	}
	return parts[3], nil
}

func (a *api) deniedLayer(arn string) error {
	return denied("User: arn:aws:iam::%s:root is not authorized to perform: lambda:GetLayerVersion on resource: %s because no resource-based policy allows the lambda:GetLayerVersion action", a.Place.Account, arn)
}

// publishLayerVersion adds a version to a layer, which it makes when needed.
func (a *api) publishLayerVersion(r *request) (any, error) {
	var in struct {
		Description, LicenseInfo                    string
		CompatibleRuntimes, CompatibleArchitectures []string
	}
	if err := r.into(&in); err != nil {
		return nil, err
	}
	if problems := unknownCompatibles(in.CompatibleRuntimes, in.CompatibleArchitectures); len(problems) > 0 {
		return nil, validation(problems)
	}
	name, err := a.layerName(r.text("LayerName"))
	if err != nil {
		return nil, err
	}
	archive, ok := r.blobs["content.zipFile"]
	content, _ := r.input["Content"].(map[string]any)
	if !ok && (content["S3Bucket"] == nil || content["S3Key"] == nil) {
		return nil, invalid("Please provide a source for the layer's content: ZipFile, or S3Bucket and S3Key")
	}
	pack, err := a.packed(r, content, archive, ok)
	if err != nil {
		return nil, err
	}
	number := 0
	l, err := a.changeLayer(r.Request.Context(), name, func(l *rouse.Layer) error {
		l.Name = name
		l.Published++
		number = l.Published
		l.Versions = append(l.Versions, rouse.LayerVersion{
			Number: number, Description: in.Description, License: in.LicenseInfo, Runtimes: in.CompatibleRuntimes,
			Architectures: in.CompatibleArchitectures, Created: a.now(), Package: pack,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.wholeLayer(r.Call, name, l.Version(number)), nil
}

// unknownCompatibles says what is wrong with what a layer is said to fit. AWS has
// words of its own for it.
func unknownCompatibles(runtimes, architectures []string) (problems []string) {
	for _, list := range []struct {
		member, shape string
		given         []string
		format        string
	}{
		{"compatibleRuntimes", "Runtime", runtimes, "%s"},
		{"compatibleArchitectures", "Architecture", architectures, "Member must satisfy constraint: [%s]"},
	} {
		s := shapes[list.shape]
		if slices.ContainsFunc(list.given, func(v string) bool { return !slices.Contains(s.enum, v) }) {
			problems = append(problems, fmt.Sprintf("Value '[%s]' at '%s' failed to satisfy constraint: "+list.format,
				clip(strings.Join(list.given, ", ")), list.member, s.oneOf()))
		}
	}
	return problems
}

// changeLayer replaces a layer by what edit makes of it, again when somebody
// else was faster. One that does not exist is empty.
func (a *api) changeLayer(ctx context.Context, name string, edit func(*rouse.Layer) error) (rouse.Layer, error) {
	for {
		l, err := a.Layers.Layer(ctx, name)
		if err != nil && rouse.CodeOf(err) != rouse.NotFound {
			return l, err
		}
		if err := edit(&l); err != nil {
			return l, err
		}
		stored, err := a.Layers.PutLayer(ctx, l)
		if rouse.CodeOf(err) != rouse.Conflict {
			return stored, err
		}
	}
}

// layerVersion is the one that a request's LayerName and VersionNumber name.
func (a *api) layerVersion(r *request) (string, *rouse.LayerVersion, error) {
	number := r.number("VersionNumber", 0)
	if number < 1 {
		return "", nil, invalid("Layer Version Cannot be less than 1")
	}
	name, err := a.layerName(r.text("LayerName"))
	if err != nil {
		return "", nil, err
	}
	l, err := a.Layers.Layer(r.Request.Context(), name)
	if err != nil && rouse.CodeOf(err) != rouse.NotFound {
		return "", nil, err
	}
	v := l.Version(number)
	if v == nil {
		return name, nil, absent()
	}
	return name, v, nil
}

func (a *api) getLayerVersion(r *request) (any, error) {
	name, v, err := a.layerVersion(r)
	if err != nil {
		return nil, err
	}
	return a.wholeLayer(r.Call, name, v), nil
}

func (a *api) getLayerVersionByArn(r *request) (any, error) {
	name, v, err := a.layerByARN(r.Request.Context(), r.text("Arn"))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, absent()
	}
	return a.wholeLayer(r.Call, name, v), nil
}

// layerByARN finds a version; nil when this place has none of that ARN.
func (a *api) layerByARN(ctx context.Context, arn string) (string, *rouse.LayerVersion, error) {
	parts := layerARN.FindStringSubmatch(arn)
	if parts == nil || parts[4] == "" {
		return "", nil, validation([]string{"Value '" + clip(arn) + "' at 'arn' failed to satisfy constraint: " + shapes["LayerVersionArn"].like()})
	}
	name, err := a.layerName(arn)
	if err != nil {
		return "", nil, err
	}
	l, err := a.Layers.Layer(ctx, name)
	if err != nil && rouse.CodeOf(err) != rouse.NotFound {
		return "", nil, err
	}
	number, _ := strconv.Atoi(parts[4]) // what is too large names nothing
	return name, l.Version(number), nil
}

func (a *api) listLayerVersions(r *request) (any, error) {
	name, err := a.layerName(r.text("LayerName"))
	if err != nil {
		return nil, err
	}
	l, err := a.Layers.Layer(r.Request.Context(), name)
	if err != nil && rouse.CodeOf(err) != rouse.NotFound {
		return nil, err
	}
	versions := slices.DeleteFunc(l.Versions, func(v rouse.LayerVersion) bool { return !compatible(r, &v) })
	slices.Reverse(versions)
	cut, next, err := page(a, r, versions, maxListed, func(v rouse.LayerVersion) string { return strconv.Itoa(2_000_000_000 - v.Number) })
	if err != nil {
		return nil, err
	}
	views := []layerView{}
	for i := range cut {
		views = append(views, a.layerView(name, &cut[i]))
	}
	return struct {
		NextMarker    *string
		LayerVersions []layerView
	}{optional(next), views}, nil
}

// compatible says whether a version passes a listing's filters.
func compatible(r *request, v *rouse.LayerVersion) bool {
	runtime, architecture := r.text("CompatibleRuntime"), r.text("CompatibleArchitecture")
	return (runtime == "" || slices.Contains(v.Runtimes, runtime)) && (architecture == "" || slices.Contains(v.Architectures, architecture))
}

func (a *api) listLayers(r *request) (any, error) {
	type item struct {
		LayerName, LayerArn   string
		LatestMatchingVersion layerView
	}
	items := []item{}
	for l, err := range a.Layers.AllLayers(r.Request.Context()) {
		if err != nil {
			return nil, err
		}
		for i := len(l.Versions) - 1; i >= 0; i-- {
			if v := &l.Versions[i]; compatible(r, v) {
				items = append(items, item{l.Name, a.Place.LayerARN(l.Name, ""), a.layerView(l.Name, v)})
				break
			}
		}
	}
	cut, next, err := page(a, r, items, maxListed, func(i item) string { return i.LayerName })
	return struct {
		NextMarker *string
		Layers     []item
	}{optional(next), cut}, err
}

// deleteLayerVersion is idempotent. Functions keep what they were made with.
func (a *api) deleteLayerVersion(r *request) (any, error) {
	gone := withStatus{status: http.StatusNoContent}
	name, v, err := a.layerVersion(r)
	if err != nil || v == nil {
		if name != "" && v == nil {
			return gone, nil
		}
		return nil, err
	}
	_, err = a.changeLayer(r.Request.Context(), name, func(l *rouse.Layer) error {
		l.Versions = slices.DeleteFunc(l.Versions, func(other rouse.LayerVersion) bool { return other.Number == v.Number })
		return nil
	})
	return gone, err
}

// attach puts layer versions under a function.
func (a *api) attach(ctx context.Context, arns []string, spec *rouse.Spec, lambda *rouse.LambdaVersion) error {
	if len(arns) > maxLayers {
		return invalid("Cannot reference more than %d layers.", maxLayers)
	}
	spec.Layers, lambda.Layers = nil, nil
	seen := map[string]string{}
	for _, arn := range arns {
		if parts := layerARN.FindStringSubmatch(arn); parts != nil && parts[2] == a.Place.Account && parts[1] != a.Place.Region {
			return invalid("Layers are not in the same region as the function. Layers are expected to be in region %s.", a.Place.Region)
		}
		name, v, err := a.layerByARN(ctx, arn)
		if err != nil {
			return err
		}
		if v == nil {
			return invalid("Layer version %s does not exist.", arn)
		}
		if other, twice := seen[name]; twice {
			return invalid("Two different versions of the same layer are not allowed to be referenced in the same function. %s and %s are versions of the same layer.", other, arn)
		}
		seen[name] = arn
		spec.Layers = append(spec.Layers, v.Package.Code)
		lambda.Layers = append(lambda.Layers, rouse.LayerOfCode{ARN: arn, Size: v.Package.Size, Files: v.Package.Files})
	}
	return nil
}

// fits says whether code and layers together are within AWS's bound.
func fits(spec *rouse.Spec, lambda *rouse.LambdaVersion) error {
	size := spec.Artifact.Size
	for _, l := range lambda.Layers {
		size += l.Files
	}
	if len(lambda.Layers) > 0 && size > maxUnzipped {
		return invalid("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", maxUnzipped, int64(size))
	}
	return nil
}

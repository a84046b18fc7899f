package docker

import (
	"reflect"
	"testing"
)

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\nbroken:x:y:z::/:\nnegative:x:-1:0::/:\n"
	group  = "root:x:0:\napp:x:1001:\nvideo:x:44:app,other\nrender:x:45:other,app\n"
)

func TestAnImagesUserIsReadAsDockerDoes(t *testing.T) {
	for spec, want := range map[string]user{
		"app":         {uid: 1000, gid: 1001, groups: []int{44, 45}, home: "/home/app"},
		"1000":        {uid: 1000, gid: 1001, groups: []int{44, 45}, home: "/home/app"},
		"app:video":   {uid: 1000, gid: 44, home: "/home/app"},
		"1234":        {uid: 1234, home: "/"},
		"1234:5678":   {uid: 1234, gid: 5678, home: "/"},
		"1234:render": {uid: 1234, gid: 45, home: "/"},
		"0":           {home: "/root"},
	} {
		got, err := parseUser(spec, passwd, group)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("user %q is %+v, %v; want %+v", spec, got, err, want)
		}
	}
	for _, spec := range []string{"nobody", "app:nogroup", "broken", "negative", "-1", "99999999999", "1:-1"} {
		if u, err := parseUser(spec, passwd, group); err == nil {
			t.Errorf("user %q is %+v, want an error", spec, u)
		}
	}
}

func FuzzAnImagesUserIsNeverOutOfRange(f *testing.F) {
	f.Add("app:video", passwd, group)
	f.Add("1234", "", "")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		u, err := parseUser(spec, passwd, group)
		if err == nil && (u.uid < 0 || u.gid < 0) {
			t.Fatalf("%q with %q is %+v", spec, passwd, u)
		}
	})
}

func TestLaterLayersOfAnEnvironmentWin(t *testing.T) {
	got := layered([]string{"A=1", "B=1"}, []string{"B=2", "C=2"}, []string{"A=3"})
	if want := []string{"A=3", "B=2", "C=2"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

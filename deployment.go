package rouse

// Deployment asks for a function to run a spec from now on.
type Deployment struct {
	Name FunctionName `json:"name"`
	Spec Spec         `json:"spec"`
	// Settings replace the function's own; nil keeps them, or takes the defaults
	// for a new function.
	Settings *Settings `json:"settings,omitempty"`
	// Wait starts the new revision and moves traffic only when it is ready; a
	// revision that fails to start leaves the old one serving.
	Wait bool `json:"wait"`
}

// Deployed is what came of a Deployment.
type Deployed struct {
	Function Function `json:"function"`
	Revision Revision `json:"revision"`
	Created  bool     `json:"created"` // the function is new
	Changed  bool     `json:"changed"` // the revision is another one than before
	// Started is how long the first start took, when the deployment waited for one.
	Started Duration `json:"started,omitempty"`
}

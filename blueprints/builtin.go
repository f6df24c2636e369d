package blueprints

// The built-in parameters' names.
const (
	ParamName  = "name"
	ParamOwner = "owner"
	ParamHost  = "host"
)

// Builtin lists the parameters that every blueprint has without declaring them.
func Builtin() []Parameter {
	return []Parameter{
		{
			Name: ParamName, Builtin: true, Type: TypeString, Title: "Project name",
			Hint:    "3 to 40 lower-case letters, digits and dashes, starting with a letter, not ending in a dash",
			Pattern: `^[a-z][a-z0-9-]{1,38}[a-z0-9]$`,
		},
		{
			Name: ParamOwner, Builtin: true, Type: TypeString, Title: "Owner of the repository",
			Hint:      "an organisation, group or user of the forge, such as foo-org or group/team",
			Pattern:   `^[A-Za-z0-9_]+(?:(?:-+|[./])[A-Za-z0-9_]+)*$`,
			MaxLength: new(200),
		},
		{
			Name: ParamHost, Builtin: true, Type: TypeString, Title: "Host of the forge",
			Description: "As import paths and links name it.",
			Hint:        "a host name without port, such as github.com",
			Pattern:     `^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)+$`,
			MaxLength:   new(200),
			Default:     "example.com",
		},
	}
}

package engine

// withoutSonar is withSonarQubeEnv where there is no SonarQube: an analysis would have
// nowhere to go.
func (f frame) withoutSonar(arguments) (any, error) {
	f.run.console.say("[localci: withSonarQubeEnv does nothing, there is no SonarQube here; the steps inside it are left out]")
	return nil, f.checkpoint()
}

// withoutGate is waitForQualityGate: a gate that nobody asked stops nobody.
func (f frame) withoutGate() (any, error) {
	f.run.console.say("[localci: waitForQualityGate does nothing, there is no SonarQube here; the gate was not asked]")
	d := &dict{}
	d.put("status", "OK")
	return d, f.checkpoint()
}

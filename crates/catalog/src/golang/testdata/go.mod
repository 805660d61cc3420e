module example.com/app // the app

go 1.21.0

toolchain go1.22.5

require github.com/a/b v1.0.0
require (
	github.com/c/d v1.0.0 // indirect
	"github.com/e/f" v2.0.0+incompatible
	github.com/g/h v1.0.0 // indirect; note
	github.com/x/y v1.0.0
)

replace (
	github.com/c/d v1.0.0 => github.com/fork/d v1.0.1
	github.com/e/f v9.9.9 => github.com/fork/f v1.0.1
	github.com/g/h => ./h
)

exclude github.com/x/y v1.0.0
retract [v1.0.0, v1.1.0]

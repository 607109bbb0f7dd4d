// The engine loads this file; Node strips the types of what it imports.
import "./pack.ts";

import {
  type Application,
  type Context,
  Converter,
  ReferenceType,
  ReflectionKind,
} from "typedoc";

/**
 * A TypeDoc plugin: the type of a machine repeats its whole definition, over
 * hundreds of lines. The API reference says `StateMachine`; the source is better
 * reading for the rest.
 */
export function load(app: Application): void {
  app.converter.on(Converter.EVENT_RESOLVE_END, (context: Context) => {
    const variables = context.project.getReflectionsByKind(
      ReflectionKind.Variable,
    );
    for (const variable of variables) {
      if (!variable.isDeclaration()) continue;
      const { type } = variable;
      if (type instanceof ReferenceType && type.name === "StateMachine")
        delete type.typeArguments;
    }
  });
}

import {
  type ColumnDefinitionNode,
  GeneratedNode,
  type KyselyPlugin,
  OperationNodeTransformer,
  RawNode,
  type RootOperationNode,
} from "kysely";

/**
 * Rooms write their columns as SQLite understands them; here each becomes what holds the same values in PostgreSQL:
 * eight-byte numbers, and text that is ordered by its bytes, as keyset pages and our own comparisons are.
 */
const TYPES: Record<string, string> = {
  integer: "bigint",
  bigint: "bigint",
  real: "double precision",
  blob: "bytea",
  text: 'text collate "C"',
};

class ColumnTypes extends OperationNodeTransformer {
  protected override transformColumnDefinition(node: ColumnDefinitionNode): ColumnDefinitionNode {
    const column = super.transformColumnDefinition(node);
    const { dataType, primaryKey } = column;
    const name = dataType.kind === "DataTypeNode" && "dataType" in dataType ? String(dataType.dataType) : "";
    const type = TYPES[name];
    if (type === undefined) return column;
    const counted = name === "integer" && primaryKey === true;
    return {
      ...column,
      dataType: RawNode.createWithSql(type),
      // SQLite numbers the rows of an INTEGER PRIMARY KEY by itself.
      ...(counted && { generated: GeneratedNode.create({ identity: true, byDefault: true }) }),
    };
  }
}

/** Makes the column types of a `CREATE TABLE` or `ALTER TABLE` those of PostgreSQL. */
export class PostgresTypes implements KyselyPlugin {
  readonly #types = new ColumnTypes();

  transformQuery({ node, queryId }: Parameters<KyselyPlugin["transformQuery"]>[0]): RootOperationNode {
    return node.kind === "CreateTableNode" || node.kind === "AlterTableNode"
      ? this.#types.transformNode(node, queryId)
      : node;
  }

  async transformResult({ result }: Parameters<KyselyPlugin["transformResult"]>[0]) {
    return result;
  }
}

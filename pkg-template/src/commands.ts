// Made from the declarations of the commands by `UPDATE=1 cargo test --features docs --test generated`.
import type { Argument, Key, Numeric, Value } from "./values.js";

/** The commands as methods. `S` is what bulk strings are read as. */
export interface Commands<S = string> {
  /** Returns the categories of commands, or the commands of one. `ACL CAT [category]` */
  aclCat(category?: Value): S[];
  /** Removes users, and ends their connections. `ACL DELUSER username...` */
  aclDeluser(...usernames: (Value | readonly Value[])[]): number;
  /** Says whether a user may run a command, without running it. `ACL DRYRUN username command [arg...]` */
  aclDryrun(username: Value, command: Value, ...args: Argument[]): "OK" | S;
  /** Makes up a password. `ACL GENPASS [bits:integer]` */
  aclGenpass(bits?: Numeric): S;
  /** Tells everything about a user. `ACL GETUSER username` */
  aclGetuser(username: Value): Record<string, unknown> | null;
  /** Shows what the subcommands do. `ACL HELP` */
  aclHelp(): S[];
  /** Returns the rules of all users, as lines of an ACL file. `ACL LIST` */
  aclList(): S[];
  /** Reads the users again from the file of the parameter `aclfile`. `ACL LOAD` */
  aclLoad(): "OK";
  /** Shows who was refused what, the newest first, or forgets it. `ACL LOG [count:integer|RESET]` */
  aclLog(...args: Argument[]): Record<string, unknown>[] | "OK";
  /** Writes the users to the file of the parameter `aclfile`. `ACL SAVE` */
  aclSave(): "OK";
  /** Makes a user, or changes what it may do. `ACL SETUSER username [rule...]` */
  aclSetuser(username: Value, ...args: Argument[]): "OK";
  /** Returns the names of all users. `ACL USERS` */
  aclUsers(): S[];
  /** Returns the name of the user that the connection has come in as. `ACL WHOAMI` */
  aclWhoami(): S;
  /** Adds bytes at the end of a string, which is made if the key does not exist. `APPEND key value` */
  append(key: Key, value: Value): number;
  /** Asks a cluster's node for a key that is on its way to it. `ASKING` */
  asking(): "OK";
  /** Proves that the connection may use the server. `AUTH [username] password` */
  auth(...args: Argument[]): "OK";
  /** Has the log written anew, as short as it can be, while other commands run. `BGREWRITEAOF` */
  bgrewriteaof(): S;
  /** Has a snapshot taken while other commands run. `BGSAVE [SCHEDULE]` */
  bgsave(...options: ({ SCHEDULE?: boolean } | Value)[]): S;
  /** Counts the ones in a string. `BITCOUNT key [start end [BYTE|BIT]]` */
  bitcount(key: Key, ...args: Argument[]): number;
  /** Reads, sets and counts up numbers of up to 64 bits anywhere in a string. `BITFIELD key [GET encoding offset:string|[OVERFLOW <WRAP|SAT|FAIL>] <SET encoding offset:string value:integer|INCRBY encoding offset:string increment:integer>]...` */
  bitfield(key: Key, ...args: Argument[]): (number | null)[];
  /** Reads numbers of up to 64 bits anywhere in a string. `BITFIELD_RO key [GET encoding offset:string]...` */
  bitfield_ro(key: Key, ...options: (Value)[]): number[];
  /** Combines strings bit by bit into another one. `BITOP <AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey:key key...` */
  bitop(which: "AND" | "OR" | "XOR" | "NOT" | "DIFF" | "DIFF1" | "ANDOR" | "ONE", destkey: Key, ...keys: (Key | readonly Key[])[]): number;
  /** Returns the place of the first one or the first zero in a string. `BITPOS key bit:integer [start [end [BYTE|BIT]]]` */
  bitpos(key: Key, bit: Numeric, ...args: Argument[]): number;
  /** Moves an element from an end of one list to an end of another; waits if there is none. `BLMOVE source:key destination:key <LEFT|RIGHT> <LEFT|RIGHT> timeout` */
  blmove(source: Key, destination: Key, which: "LEFT" | "RIGHT", which2: "LEFT" | "RIGHT", timeout: Numeric): S | null;
  /** Takes elements from an end of the first of several lists that exists; waits if there is none. `BLMPOP timeout numkeys key... <LEFT|RIGHT> [COUNT count]` */
  blmpop(timeout: Numeric, numkeys: Numeric, ...args: Argument[]): [key: S, elements: S[]] | null;
  /** Takes the first element of the first of several lists that exists; waits if there is none. `BLPOP key... timeout` */
  blpop(...args: [...keys: (Key | readonly Key[])[], timeout: Numeric]): [key: S, element: S] | null;
  /** Takes the last element of the first of several lists that exists; waits if there is none. `BRPOP key... timeout` */
  brpop(...args: [...keys: (Key | readonly Key[])[], timeout: Numeric]): [key: S, element: S] | null;
  /** Moves the last element of one list to the front of another; waits if there is none. `BRPOPLPUSH source:key destination:key timeout` */
  brpoplpush(source: Key, destination: Key, timeout: Numeric): S | null;
  /** Takes members from an end of the first of several sorted sets that exists; waits if there is none. `BZMPOP timeout numkeys key... <MIN|MAX> [COUNT count]` */
  bzmpop(timeout: Numeric, numkeys: Numeric, ...args: Argument[]): [key: S, members: [member: S, score: number][]] | null;
  /** Takes the member with the highest score out of the first of several sorted sets that exists; waits if there is. `BZPOPMAX key... timeout` */
  bzpopmax(...args: [...keys: (Key | readonly Key[])[], timeout: Numeric]): [key: S, member: S, score: number] | null;
  /** Takes the member with the lowest score out of the first of several sorted sets that exists; waits if there is. `BZPOPMIN key... timeout` */
  bzpopmin(...args: [...keys: (Key | readonly Key[])[], timeout: Numeric]): [key: S, member: S, score: number] | null;
  /** Says whether the keys of the next command are tracked. `CLIENT CACHING <YES|NO>` */
  clientCaching(which: "YES" | "NO"): "OK";
  /** Returns the name of the connection. `CLIENT GETNAME` */
  clientGetname(): S | null;
  /** Returns the connection that gets this one's messages about changed keys. `CLIENT GETREDIR` */
  clientGetredir(): number;
  /** Shows what the subcommands do. `CLIENT HELP` */
  clientHelp(): S[];
  /** Returns the number of the connection. `CLIENT ID` */
  clientId(): number;
  /** Describes the connection. `CLIENT INFO` */
  clientInfo(): S;
  /** Ends connections. `CLIENT KILL <ip:port|<ID client-id:integer|TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|USER username|ADDR ip:port|LADDR ip:port|SKIPME <YES|NO>|MAXAGE maxage:integer>...>` */
  clientKill(...args: Argument[]): "OK" | number;
  /** Describes all connections, or some. `CLIENT LIST [TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|ID client-id:integer...]` */
  clientList(...options: ({ TYPE?: "NORMAL" | "MASTER" | "REPLICA" | "PUBSUB"; ID?: readonly Numeric[] } | Value)[]): S;
  /** Spares the connection when memory for connections is full. `CLIENT NO-EVICT <ON|OFF>` */
  clientNoEvict(which: "ON" | "OFF"): "OK";
  /** Lets the connection read keys without making them look used. `CLIENT NO-TOUCH <ON|OFF>` */
  clientNoTouch(which: "ON" | "OFF"): "OK";
  /** Lets the calls of all connections wait for some milliseconds. `CLIENT PAUSE timeout:integer [WRITE|ALL]` */
  clientPause(timeout: Numeric, ...options: ({ WRITE?: boolean; ALL?: boolean } | Value)[]): "OK";
  /** Leaves out replies: all, or the next one. `CLIENT REPLY <ON|OFF|SKIP>` */
  clientReply(which: "ON" | "OFF" | "SKIP"): "OK";
  /** Tells which library speaks, and its version. `CLIENT SETINFO <LIB-NAME libname|LIB-VER libver>` */
  clientSetinfo(...args: Argument[]): "OK";
  /** Gives the connection a name. `CLIENT SETNAME connection-name` */
  clientSetname(connectionName: Value): "OK";
  /** Tells the connection when keys that it has read are changed. `CLIENT TRACKING <ON|OFF> [REDIRECT client-id:integer] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]` */
  clientTracking(which: "ON" | "OFF", ...options: ({ REDIRECT?: Numeric; BCAST?: boolean; OPTIN?: boolean; OPTOUT?: boolean; NOLOOP?: boolean } | Value)[]): "OK";
  /** Returns what the connection asked to be told of changed keys. `CLIENT TRACKINGINFO` */
  clientTrackinginfo(): Record<string, unknown>;
  /** Ends the wait of another connection. `CLIENT UNBLOCK client-id:integer [TIMEOUT|ERROR]` */
  clientUnblock(clientId: Numeric, ...options: ({ TIMEOUT?: boolean; ERROR?: boolean } | Value)[]): number;
  /** Ends what CLIENT PAUSE began: the calls that wait run in the order in which they came. `CLIENT UNPAUSE` */
  clientUnpause(): "OK";
  /** Returns the number of keys in a slot of a cluster. `CLUSTER COUNTKEYSINSLOT slot:integer` */
  clusterCountkeysinslot(slot: Numeric): number;
  /** Returns keys in a slot of a cluster. `CLUSTER GETKEYSINSLOT slot:integer count:integer` */
  clusterGetkeysinslot(slot: Numeric, count: Numeric): S[];
  /** Shows what the subcommands do, where there is a cluster. `CLUSTER HELP` */
  clusterHelp(): S[];
  /** Tells the state of a cluster. `CLUSTER INFO` */
  clusterInfo(): S;
  /** Returns the slot of a cluster that a key belongs to. `CLUSTER KEYSLOT key:string` */
  clusterKeyslot(key: Value): number;
  /** Returns the connections between the nodes of a cluster. `CLUSTER LINKS` */
  clusterLinks(): unknown[];
  /** Returns the name of a cluster's node. `CLUSTER MYID` */
  clusterMyid(): S;
  /** Returns the nodes of a cluster. `CLUSTER NODES` */
  clusterNodes(): S;
  /** Has a node leave its cluster. `CLUSTER RESET [HARD|SOFT]` */
  clusterReset(...options: ({ HARD?: boolean; SOFT?: boolean } | Value)[]): "OK";
  /** Returns which nodes of a cluster hold the same slots. `CLUSTER SHARDS` */
  clusterShards(): unknown[];
  /** Returns which node of a cluster holds which slots. `CLUSTER SLOTS` */
  clusterSlots(): unknown[];
  /** Returns the number of commands, subcommands left out. `COMMAND COUNT` */
  commandCount(): number;
  /** Returns the documentation of commands: summaries, versions, costs and arguments. `COMMAND DOCS [command-name...]` */
  commandDocs(...args: Argument[]): Record<string, unknown>;
  /** Returns the keys of a whole call. `COMMAND GETKEYS command arg...` */
  commandGetkeys(command: Value, ...args: (Value | readonly Value[])[]): S[];
  /** Returns the keys of a whole call, and what it would do with each. `COMMAND GETKEYSANDFLAGS command arg...` */
  commandGetkeysandflags(command: Value, ...args: (Value | readonly Value[])[]): [key: S, flags: S[]][];
  /** Shows what the subcommands do. `COMMAND HELP` */
  commandHelp(): S[];
  /** Returns what commands look like; all of them if none is named. `COMMAND INFO [command-name...]` */
  commandInfo(...args: Argument[]): unknown[];
  /** Returns the names of commands: all, those of an ACL category, or those that match a pattern. `COMMAND LIST [FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern>]` */
  commandList(...args: Argument[]): S[];
  /** Returns parameters by name or pattern, with their values. `CONFIG GET parameter:pattern...` */
  configGet(...parameters: (Value | readonly Value[])[]): Record<string, S>;
  /** Shows what the subcommands do. `CONFIG HELP` */
  configHelp(): S[];
  /** Sets the counters that INFO shows to zero. `CONFIG RESETSTAT` */
  configResetstat(): "OK";
  /** Writes the parameters to the file that the server was started with. `CONFIG REWRITE` */
  configRewrite(): "OK";
  /** Changes parameters, all or none. `CONFIG SET <parameter value>...` */
  configSet(...args: Argument[]): "OK";
  /** Copies a key, with its deadline. `COPY source:key destination:key [DB destination-db:integer] [REPLACE]` */
  copy(source: Key, destination: Key, ...options: ({ DB?: Numeric; REPLACE?: boolean } | Value)[]): number;
  /** Counts the keys of the database. `DBSIZE` */
  dbsize(): number;
  /** Looks inside, and holds things up: for tests. `DEBUG subcommand [arg...]` */
  debug(subcommand: Value, ...args: Argument[]): unknown;
  /** Subtracts one from the integer at a key. `DECR key` */
  decr(key: Key): number;
  /** Subtracts a number from the integer at a key. `DECRBY key decrement` */
  decrby(key: Key, decrement: Numeric): number;
  /** Removes keys. `DEL key...` */
  del(...keys: (Key | readonly Key[])[]): number;
  /** Removes a key whose string value equals another one. `DELIFEQ key value` */
  delifeq(key: Key, value: Value): number;
  /** Returns a key's value as bytes that RESTORE takes, here or in Redis. `DUMP key` */
  dump(key: Key): S | null;
  /** Returns the message. `ECHO message` */
  echo(message: Value): S;
  /** Runs a script in Lua. `EVAL script numkeys [key...] [arg...]` */
  eval(script: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Runs a script that was run or loaded before, by its SHA-1. `EVALSHA sha1 numkeys [key...] [arg...]` */
  evalsha(sha1: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Runs a script that changes nothing, by its SHA-1. `EVALSHA_RO sha1 numkeys [key...] [arg...]` */
  evalsha_ro(sha1: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Runs a script that changes nothing. `EVAL_RO script numkeys [key...] [arg...]` */
  eval_ro(script: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Counts the keys that exist. `EXISTS key...` */
  exists(...keys: (Key | readonly Key[])[]): number;
  /** Sets a key's deadline, in seconds from now. `EXPIRE key seconds [NX|XX|GT|LT]` */
  expire(key: Key, seconds: Numeric, ...options: ({ NX?: boolean; XX?: boolean; GT?: boolean; LT?: boolean } | Value)[]): number;
  /** Sets a key's deadline, in seconds since 1970. `EXPIREAT key unix-time-seconds [NX|XX|GT|LT]` */
  expireat(key: Key, unixTimeSeconds: Numeric, ...options: ({ NX?: boolean; XX?: boolean; GT?: boolean; LT?: boolean } | Value)[]): number;
  /** Returns a key's deadline, in seconds since 1970. `EXPIRETIME key` */
  expiretime(key: Key): number;
  /** Has a replica take the server's place. `FAILOVER [TO host port:integer [FORCE]] [TIMEOUT milliseconds:integer]` */
  failover(...args: Argument[]): "OK";
  /** Calls a function of a library. `FCALL function numkeys [key...] [arg...]` */
  fcall(functionName: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Calls a function that changes nothing. `FCALL_RO function numkeys [key...] [arg...]` */
  fcall_ro(functionName: Value, numkeys: Numeric, ...args: Argument[]): unknown;
  /** Removes the keys of all databases. `FLUSHALL [ASYNC|SYNC]` */
  flushall(...options: ({ ASYNC?: boolean; SYNC?: boolean } | Value)[]): "OK";
  /** Removes the keys of the database. `FLUSHDB [ASYNC|SYNC]` */
  flushdb(...options: ({ ASYNC?: boolean; SYNC?: boolean } | Value)[]): "OK";
  /** Forgets a library. `FUNCTION DELETE library-name` */
  functionDelete(libraryName: Value): "OK";
  /** Returns all libraries as bytes that FUNCTION RESTORE takes, here or in Redis. `FUNCTION DUMP` */
  functionDump(): S;
  /** Forgets all libraries. `FUNCTION FLUSH [ASYNC|SYNC]` */
  functionFlush(...options: ({ ASYNC?: boolean; SYNC?: boolean } | Value)[]): "OK";
  /** Shows what the subcommands do. `FUNCTION HELP` */
  functionHelp(): S[];
  /** Ends the function that is running, unless it has changed something. `FUNCTION KILL` */
  functionKill(): "OK";
  /** Lists libraries, all or those whose names match a pattern, and their functions. `FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]` */
  functionList(...options: ({ LIBRARYNAME?: Value; WITHCODE?: boolean } | Value)[]): unknown[];
  /** Loads a library; returns its name. `FUNCTION LOAD [REPLACE] function-code` */
  functionLoad(...args: Argument[]): S;
  /** Loads the libraries that FUNCTION DUMP has returned. `FUNCTION RESTORE serialized-value [FLUSH|APPEND|REPLACE]` */
  functionRestore(serializedValue: Value, ...options: ({ FLUSH?: boolean; APPEND?: boolean; REPLACE?: boolean } | Value)[]): "OK";
  /** Tells of the function that is running, and how many there are. `FUNCTION STATS` */
  functionStats(): unknown;
  /** Gives members of a sorted set their places, by longitude and latitude. `GEOADD key [NX|XX] [CH] <longitude:double latitude:double member>...` */
  geoadd(key: Key, ...args: Argument[]): number;
  /** Returns how far two members are from one another. `GEODIST key member1:string member2:string [M|KM|FT|MI]` */
  geodist(key: Key, member1: Value, member2: Value, ...options: ({ M?: boolean; KM?: boolean; FT?: boolean; MI?: boolean } | Value)[]): S | null;
  /** Returns members' places as the letters that other systems know them by. `GEOHASH key [member...]` */
  geohash(key: Key, ...args: Argument[]): (S | null)[];
  /** Returns members' longitudes and latitudes. `GEOPOS key [member...]` */
  geopos(key: Key, ...args: Argument[]): ([longitude: number, latitude: number] | null)[];
  /** Returns or stores the members within a circle around a place. `GEORADIUS key longitude:double latitude:double radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key] [STOREDIST key]` */
  georadius(key: Key, longitude: Numeric, latitude: Numeric, radius: Numeric, which: "M" | "KM" | "FT" | "MI", ...args: Argument[]): S[] | unknown[][] | number;
  /** Returns or stores the members within a circle around one of them. `GEORADIUSBYMEMBER key member radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key] [STOREDIST key]` */
  georadiusbymember(key: Key, member: Value, radius: Numeric, which: "M" | "KM" | "FT" | "MI", ...args: Argument[]): S[] | unknown[][] | number;
  /** Returns the members within a circle around one of them, and stores nothing. `GEORADIUSBYMEMBER_RO key member radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]` */
  georadiusbymember_ro(key: Key, member: Value, radius: Numeric, which: "M" | "KM" | "FT" | "MI", ...args: Argument[]): S[] | unknown[][];
  /** Returns the members within a circle around a place, and stores nothing. `GEORADIUS_RO key longitude:double latitude:double radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]` */
  georadius_ro(key: Key, longitude: Numeric, latitude: Numeric, radius: Numeric, which: "M" | "KM" | "FT" | "MI", ...args: Argument[]): S[] | unknown[][];
  /** Returns the members within a circle or a box around a place. `GEOSEARCH key <FROMMEMBER member|FROMLONLAT longitude:double latitude:double> <BYRADIUS radius:double <M|KM|FT|MI>|BYBOX width:double height:double <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]` */
  geosearch(key: Key, ...args: Argument[]): S[] | unknown[][];
  /** Stores the members within a circle or a box around a place as a sorted set. `GEOSEARCHSTORE destination:key source:key <FROMMEMBER member|FROMLONLAT longitude:double latitude:double> <BYRADIUS radius:double <M|KM|FT|MI>|BYBOX width:double height:double <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [STOREDIST]` */
  geosearchstore(destination: Key, source: Key, ...args: Argument[]): number;
  /** Returns the string value of a key. `GET key` */
  get(key: Key): S | null;
  /** Returns one bit of a string. `GETBIT key offset` */
  getbit(key: Key, offset: Numeric): number;
  /** Returns the string value of a key and removes the key. `GETDEL key` */
  getdel(key: Key): S | null;
  /** Returns the string value of a key and changes its deadline. `GETEX key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]` */
  getex(key: Key, ...options: ({ EX?: Numeric; PX?: Numeric; EXAT?: Numeric; PXAT?: Numeric; PERSIST?: boolean } | Value)[]): S | null;
  /** Returns the bytes of a string between two offsets, both included. `GETRANGE key start:integer end:integer` */
  getrange(key: Key, start: Numeric, end: Numeric): S;
  /** Sets the string value of a key and returns the former one. `GETSET key value` */
  getset(key: Key, value: Value): S | null;
  /** Removes fields of a hash. `HDEL key field...` */
  hdel(key: Key, ...fields: (Value | readonly Value[])[]): number;
  /** Agrees on a version of the protocol, and introduces both sides. `HELLO [protover [AUTH username password] [SETNAME clientname]]` */
  hello(...args: Argument[]): Record<string, unknown>;
  /** Tells whether a hash has a field. `HEXISTS key field` */
  hexists(key: Key, field: Value): number;
  /** Sets when fields of a hash expire, in seconds from now. `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS numfields field...` */
  hexpire(key: Key, seconds: Numeric, ...args: Argument[]): number[];
  /** Sets when fields of a hash expire, in seconds since 1970. `HEXPIREAT key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field...` */
  hexpireat(key: Key, unixTimeSeconds: Numeric, ...args: Argument[]): number[];
  /** Returns when fields of a hash expire, in seconds since 1970. `HEXPIRETIME key FIELDS numfields field...` */
  hexpiretime(key: Key, ...args: Argument[]): number[];
  /** Returns the value of a field of a hash. `HGET key field` */
  hget(key: Key, field: Value): S | null;
  /** Returns all fields of a hash with their values. `HGETALL key` */
  hgetall(key: Key): Record<string, S>;
  /** Returns the values of fields of a hash, and removes the fields. `HGETDEL key FIELDS numfields field...` */
  hgetdel(key: Key, ...args: Argument[]): (S | null)[];
  /** Returns the values of fields of a hash, and sets when the fields expire, or that they don't. `HGETEX key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST] FIELDS numfields field...` */
  hgetex(key: Key, ...args: Argument[]): (S | null)[];
  /** Adds an integer to the one that a field holds. `HINCRBY key field increment:integer` */
  hincrby(key: Key, field: Value, increment: Numeric): number;
  /** Adds a number with a fraction to the one that a field holds. `HINCRBYFLOAT key field increment:double` */
  hincrbyfloat(key: Key, field: Value, increment: Numeric): S;
  /** Returns all fields of a hash without their values. `HKEYS key` */
  hkeys(key: Key): S[];
  /** Returns how many fields a hash has. `HLEN key` */
  hlen(key: Key): number;
  /** Returns the values of fields of a hash. `HMGET key field...` */
  hmget(key: Key, ...fields: (Value | readonly Value[])[]): (S | null)[];
  /** Gives fields of a hash values, and says only that it did. `HMSET key <field value>...` */
  hmset(key: Key, ...args: Argument[]): "OK";
  /** Takes the deadlines of fields of a hash away. `HPERSIST key FIELDS numfields field...` */
  hpersist(key: Key, ...args: Argument[]): number[];
  /** Sets when fields of a hash expire, in milliseconds from now. `HPEXPIRE key milliseconds [NX|XX|GT|LT] FIELDS numfields field...` */
  hpexpire(key: Key, milliseconds: Numeric, ...args: Argument[]): number[];
  /** Sets when fields of a hash expire, in milliseconds since 1970. `HPEXPIREAT key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field...` */
  hpexpireat(key: Key, unixTimeMilliseconds: Numeric, ...args: Argument[]): number[];
  /** Returns when fields of a hash expire, in milliseconds since 1970. `HPEXPIRETIME key FIELDS numfields field...` */
  hpexpiretime(key: Key, ...args: Argument[]): number[];
  /** Returns how many milliseconds fields of a hash have left. `HPTTL key FIELDS numfields field...` */
  hpttl(key: Key, ...args: Argument[]): number[];
  /** Returns random fields of a hash. `HRANDFIELD key [count [WITHVALUES]]` */
  hrandfield(key: Key, ...args: Argument[]): S | null | S[] | [field: S, value: S][];
  /** Goes through the fields of a hash in steps. `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]` */
  hscan(key: Key, cursor: Numeric, ...options: ({ MATCH?: Value; COUNT?: Numeric; NOVALUES?: boolean } | Value)[]): [cursor: S, pairs: S[]];
  /** Gives fields of a hash values; the hash is made if the key does not exist. `HSET key <field value>...` */
  hset(key: Key, ...args: Argument[]): number;
  /** Gives fields of a hash values, and sets when the fields expire. `HSETEX key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields <field value>...` */
  hsetex(key: Key, ...args: Argument[]): number;
  /** Gives a field of a hash a value, if there is no such field yet. `HSETNX key field value` */
  hsetnx(key: Key, field: Value, value: Value): number;
  /** Returns the length in bytes of a field's value. `HSTRLEN key field` */
  hstrlen(key: Key, field: Value): number;
  /** Returns how many seconds fields of a hash have left. `HTTL key FIELDS numfields field...` */
  httl(key: Key, ...args: Argument[]): number[];
  /** Returns the values of all fields of a hash. `HVALS key` */
  hvals(key: Key): S[];
  /** Adds one to the integer at a key. `INCR key` */
  incr(key: Key): number;
  /** Adds a number to the integer at a key. `INCRBY key increment:integer` */
  incrby(key: Key, increment: Numeric): number;
  /** Adds a number with a fraction to the number at a key. `INCRBYFLOAT key increment:double` */
  incrbyfloat(key: Key, increment: Numeric): S;
  /** Tells about the server: its version, clients, memory, storage, counters and databases. `INFO [section...]` */
  info(...args: Argument[]): S;
  /** Returns all keys whose names match a pattern. `KEYS pattern` */
  keys(pattern: Value): S[];
  /** Tells when the last snapshot that was kept was taken, in seconds since 1970. `LASTSAVE` */
  lastsave(): number;
  /** Tells in words what took long, and what may help. `LATENCY DOCTOR` */
  latencyDoctor(): S;
  /** Draws the samples of an event, with how long ago each was below it. `LATENCY GRAPH event` */
  latencyGraph(event: Value): S;
  /** Shows what the subcommands do. `LATENCY HELP` */
  latencyHelp(): S[];
  /** Returns how long the calls of commands took, of all that ran if none is named. `LATENCY HISTOGRAM [command...]` */
  latencyHistogram(...args: Argument[]): Record<string, unknown>;
  /** Returns the samples of an event: seconds and milliseconds. `LATENCY HISTORY event` */
  latencyHistory(event: Value): [number, number][];
  /** Returns the last sample of each event: its name, the second, its milliseconds, and the most there ever were. `LATENCY LATEST` */
  latencyLatest(): [S, number, number, number][];
  /** Forgets the samples of events, of all if none is named. `LATENCY RESET [event...]` */
  latencyReset(...args: Argument[]): number;
  /** Returns the longest common subsequence of two strings: bytes that both have in the same order. `LCS key1:key key2:key [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]` */
  lcs(key1: Key, key2: Key, ...options: ({ LEN?: boolean; IDX?: boolean; MINMATCHLEN?: Numeric; WITHMATCHLEN?: boolean } | Value)[]): S | number | { matches: [[number, number], [number, number], number?][]; len: number };
  /** Returns the element at a place of a list. `LINDEX key index` */
  lindex(key: Key, index: Numeric): S | null;
  /** Puts an element before or behind the first one that equals another. `LINSERT key <BEFORE|AFTER> pivot element` */
  linsert(key: Key, which: "BEFORE" | "AFTER", pivot: Value, element: Value): number;
  /** Returns the length of a list. `LLEN key` */
  llen(key: Key): number;
  /** Moves an element from an end of one list to an end of another, and returns it. `LMOVE source:key destination:key <LEFT|RIGHT> <LEFT|RIGHT>` */
  lmove(source: Key, destination: Key, which: "LEFT" | "RIGHT", which2: "LEFT" | "RIGHT"): S | null;
  /** Takes elements from an end of the first of several lists that exists. `LMPOP numkeys key... <LEFT|RIGHT> [COUNT count]` */
  lmpop(numkeys: Numeric, ...args: Argument[]): [key: S, elements: S[]] | null;
  /** Draws something, and tells the version. `LOLWUT [VERSION version:integer [arg...]]` */
  lolwut(...args: Argument[]): S;
  /** Takes the first element of a list away and returns it, or the first few. `LPOP key [count]` */
  lpop(key: Key, count?: Numeric): S | null | S[];
  /** Returns the place of an element that equals a value. `LPOS key element [RANK rank] [COUNT num-matches:integer] [MAXLEN len]` */
  lpos(key: Key, element: Value, ...options: ({ RANK?: Numeric; COUNT?: Numeric; MAXLEN?: Numeric } | Value)[]): number | null | number[];
  /** Puts elements in front of a list, which is made if the key does not exist. `LPUSH key element...` */
  lpush(key: Key, ...elements: (Value | readonly Value[])[]): number;
  /** Puts elements in front of a list that exists. `LPUSHX key element...` */
  lpushx(key: Key, ...elements: (Value | readonly Value[])[]): number;
  /** Returns the elements of a list between two places, both included. `LRANGE key start stop` */
  lrange(key: Key, start: Numeric, stop: Numeric): S[];
  /** Removes the elements of a list that equal a value. `LREM key count element` */
  lrem(key: Key, count: Numeric, element: Value): number;
  /** Replaces the element at a place of a list. `LSET key index element` */
  lset(key: Key, index: Numeric, element: Value): "OK";
  /** Keeps the elements of a list between two places, both included, and removes the others. `LTRIM key start stop` */
  ltrim(key: Key, start: Numeric, stop: Numeric): "OK";
  /** Tells in words whether memory is used well. `MEMORY DOCTOR` */
  memoryDoctor(): S;
  /** Shows what the subcommands do. `MEMORY HELP` */
  memoryHelp(): S[];
  /** Tells what the allocator tells of itself. `MEMORY MALLOC-STATS` */
  memoryMallocStats(): S;
  /** Asks the allocator to give back what it does not need; ours does so by itself. `MEMORY PURGE` */
  memoryPurge(): "OK";
  /** Tells how memory is used: bytes, numbers and shares by name. `MEMORY STATS` */
  memoryStats(): Record<string, unknown>;
  /** Returns how many bytes a key and its value take. `MEMORY USAGE key [SAMPLES count]` */
  memoryUsage(key: Key, ...options: ({ SAMPLES?: Numeric } | Value)[]): number | null;
  /** Returns the string values of several keys. `MGET key...` */
  mget(...keys: (Key | readonly Key[])[]): (S | null)[];
  /** Moves keys to another server. `MIGRATE host port:integer <key|""> destination-db:integer timeout:integer [COPY] [REPLACE] [AUTH password|AUTH2 username password] [KEYS key...]` */
  migrate(host: Value, port: Numeric, ...args: Argument[]): "OK" | "NOKEY";
  /** Shows what the subcommands do. `MODULE HELP` */
  moduleHelp(): S[];
  /** Returns the modules that are loaded, of which there are never any. `MODULE LIST` */
  moduleList(): unknown[];
  /** Loads a module, where that is possible. `MODULE LOAD path [arg...]` */
  moduleLoad(path: Value, ...args: Argument[]): "OK";
  /** Loads a module with its configuration, where that is possible. `MODULE LOADEX path [CONFIG name value]... [ARGS arg...]` */
  moduleLoadex(path: Value, ...options: ({ ARGS?: readonly Value[] } | Value)[]): "OK";
  /** Unloads a module, where there is one. `MODULE UNLOAD name` */
  moduleUnload(name: Value): "OK";
  /** Shows every call of every connection, as it runs. `MONITOR` */
  monitor(): "OK";
  /** Moves a key to another database, if none has its name there. `MOVE key db` */
  move(key: Key, db: Numeric): number;
  /** Sets the string values of several keys at once. `MSET <key value>...` */
  mset(...args: Argument[]): "OK";
  /** Sets the string values of several keys, unless any of them exists. `MSETNX <key value>...` */
  msetnx(...args: Argument[]): number;
  /** Returns the form in which a value is kept. `OBJECT ENCODING key` */
  objectEncoding(key: Key): S | null;
  /** Returns how often a value was used, on a logarithmic scale. `OBJECT FREQ key` */
  objectFreq(key: Key): number | null;
  /** Shows what the subcommands do. `OBJECT HELP` */
  objectHelp(): S[];
  /** Returns how many seconds ago a value was last used. `OBJECT IDLETIME key` */
  objectIdletime(key: Key): number | null;
  /** Returns how many places share a value. `OBJECT REFCOUNT key` */
  objectRefcount(key: Key): number | null;
  /** Takes a key's deadline away. `PERSIST key` */
  persist(key: Key): number;
  /** Sets a key's deadline, in milliseconds from now. `PEXPIRE key milliseconds [NX|XX|GT|LT]` */
  pexpire(key: Key, milliseconds: Numeric, ...options: ({ NX?: boolean; XX?: boolean; GT?: boolean; LT?: boolean } | Value)[]): number;
  /** Sets a key's deadline, in milliseconds since 1970. `PEXPIREAT key unix-time-milliseconds [NX|XX|GT|LT]` */
  pexpireat(key: Key, unixTimeMilliseconds: Numeric, ...options: ({ NX?: boolean; XX?: boolean; GT?: boolean; LT?: boolean } | Value)[]): number;
  /** Returns a key's deadline, in milliseconds since 1970. `PEXPIRETIME key` */
  pexpiretime(key: Key): number;
  /** Takes elements into a HyperLogLog, which is made if the key does not exist. `PFADD key [element]...` */
  pfadd(key: Key, ...args: Argument[]): number;
  /** Estimates how many different elements HyperLogLogs have met, all together. `PFCOUNT key...` */
  pfcount(...keys: (Key | readonly Key[])[]): number;
  /** Shows how a HyperLogLog is kept, or makes it dense. `PFDEBUG subcommand key` */
  pfdebug(subcommand: Value, key: Key): S | number | number[];
  /** Unites HyperLogLogs in one. `PFMERGE destkey:key [sourcekey:key...]` */
  pfmerge(destkey: Key, ...args: Argument[]): "OK";
  /** Checks that HyperLogLogs work. `PFSELFTEST` */
  pfselftest(): "OK";
  /** Returns PONG, or the message. `PING [message]` */
  ping(message?: Value): "PONG" | S;
  /** Sets the string value of a key that expires after some milliseconds. `PSETEX key milliseconds value` */
  psetex(key: Key, milliseconds: Numeric, value: Value): "OK";
  /** Returns how many milliseconds a key has left. `PTTL key` */
  pttl(key: Key): number;
  /** Sends a message to all who listen to a channel. `PUBLISH channel message` */
  publish(channel: Value, message: Value): number;
  /** Lists the channels that somebody listens to by name. `PUBSUB CHANNELS [pattern]` */
  pubsubChannels(pattern?: Value): S[];
  /** Shows what the subcommands do. `PUBSUB HELP` */
  pubsubHelp(): S[];
  /** Counts the patterns that are listened to. `PUBSUB NUMPAT` */
  pubsubNumpat(): number;
  /** Counts who listens to each channel. `PUBSUB NUMSUB [channel...]` */
  pubsubNumsub(...args: Argument[]): unknown[];
  /** Lists the shard channels that somebody listens to. `PUBSUB SHARDCHANNELS [pattern]` */
  pubsubShardchannels(pattern?: Value): S[];
  /** Counts who listens to each shard channel. `PUBSUB SHARDNUMSUB [channel...]` */
  pubsubShardnumsub(...args: Argument[]): unknown[];
  /** Ends the connection. `QUIT [arg...]` */
  quit(...args: Argument[]): "OK";
  /** Returns a random key. `RANDOMKEY` */
  randomkey(): S | null;
  /** Lets a connection read from a cluster's replica. `READONLY` */
  readonly(): "OK";
  /** Ends what `READONLY` began. `READWRITE` */
  readwrite(): "OK";
  /** Gives a key another name. `RENAME key newkey:key` */
  rename(key: Key, newkey: Key): "OK";
  /** Gives a key another name, if none has it. `RENAMENX key newkey:key` */
  renamenx(key: Key, newkey: Key): number;
  /** Makes the server follow another one, or none. `REPLICAOF host port` */
  replicaof(host: Value, port: Value): "OK";
  /** Makes the connection as if it were new. `RESET` */
  reset(): "RESET";
  /** Makes a key of what DUMP has returned. `RESTORE key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds|FREQ frequency:integer]` */
  restore(key: Key, ttl: Numeric, serializedValue: Value, ...options: ({ REPLACE?: boolean; ABSTTL?: boolean; IDLETIME?: Numeric; FREQ?: Numeric } | Value)[]): "OK";
  /** Makes a key of what DUMP has returned, while a cluster moves its slot. `RESTORE-ASKING key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds|FREQ frequency:integer]` */
  restoreAsking(key: Key, ttl: Numeric, serializedValue: Value, ...options: ({ REPLACE?: boolean; ABSTTL?: boolean; IDLETIME?: Numeric; FREQ?: Numeric } | Value)[]): "OK";
  /** Tells which part the server has in replication: how far its history goes, and who follows. `ROLE` */
  role(): [S, number, [S, S, S][]] | [S, S, number, S, number];
  /** Takes the last element of a list away and returns it, or the last few. `RPOP key [count]` */
  rpop(key: Key, count?: Numeric): S | null | S[];
  /** Moves the last element of one list to the front of another, and returns it. `RPOPLPUSH source:key destination:key` */
  rpoplpush(source: Key, destination: Key): S | null;
  /** Puts elements behind a list, which is made if the key does not exist. `RPUSH key element...` */
  rpush(key: Key, ...elements: (Value | readonly Value[])[]): number;
  /** Puts elements behind a list that exists. `RPUSHX key element...` */
  rpushx(key: Key, ...elements: (Value | readonly Value[])[]): number;
  /** Puts members into a set, which is made if the key does not exist. `SADD key member...` */
  sadd(key: Key, ...members: (Value | readonly Value[])[]): number;
  /** Takes a snapshot, and answers when it is kept. `SAVE` */
  save(): "OK";
  /** Goes through the keys of the database in steps. `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]` */
  scan(cursor: Numeric, ...options: ({ MATCH?: Value; COUNT?: Numeric; TYPE?: Value } | Value)[]): [S, S[]];
  /** Returns how many members a set has. `SCARD key` */
  scard(key: Key): number;
  /** Switches the debugger of scripts, which is not there: NO is all that is accepted. `SCRIPT DEBUG <YES|SYNC|NO>` */
  scriptDebug(which: "YES" | "SYNC" | "NO"): "OK";
  /** Says of each SHA-1 whether there is such a script. `SCRIPT EXISTS sha1...` */
  scriptExists(...sha1s: (Value | readonly Value[])[]): number[];
  /** Forgets all scripts. `SCRIPT FLUSH [ASYNC|SYNC]` */
  scriptFlush(...options: ({ ASYNC?: boolean; SYNC?: boolean } | Value)[]): "OK";
  /** Shows what the subcommands do. `SCRIPT HELP` */
  scriptHelp(): S[];
  /** Ends the script that is running, unless it has changed something. `SCRIPT KILL` */
  scriptKill(): "OK";
  /** Compiles a script without running it; returns its SHA-1. `SCRIPT LOAD script` */
  scriptLoad(script: Value): S;
  /** Returns the members of a set that none of several others has. `SDIFF key...` */
  sdiff(...keys: (Key | readonly Key[])[]): S[];
  /** Keeps the members of a set that none of several others has as a set of their own. `SDIFFSTORE destination:key key...` */
  sdiffstore(destination: Key, ...keys: (Key | readonly Key[])[]): number;
  /** Changes the database of the connection. `SELECT index` */
  select(index: Numeric): "OK";
  /** Sets the string value of a key, whatever it held before. `SET key value [NX|XX|IFEQ comparison-value] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]` */
  set(key: Key, value: Value, ...options: ({ NX?: boolean; XX?: boolean; IFEQ?: Value; GET?: boolean; EX?: Numeric; PX?: Numeric; EXAT?: Numeric; PXAT?: Numeric; KEEPTTL?: boolean } | Value)[]): "OK" | S | null;
  /** Sets or clears one bit of a string, and returns what it was. `SETBIT key offset value:integer` */
  setbit(key: Key, offset: Numeric, value: Numeric): number;
  /** Sets the string value of a key that expires after some seconds. `SETEX key seconds value` */
  setex(key: Key, seconds: Numeric, value: Value): "OK";
  /** Sets the string value of a key that does not exist. `SETNX key value` */
  setnx(key: Key, value: Value): number;
  /** Overwrites a part of a string from an offset on. `SETRANGE key offset:integer value` */
  setrange(key: Key, offset: Numeric, value: Value): number;
  /** Ends the server. `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]` */
  shutdown(...options: ({ NOSAVE?: boolean; SAVE?: boolean; NOW?: boolean; FORCE?: boolean; ABORT?: boolean } | Value)[]): "OK";
  /** Returns the members that all of several sets have. `SINTER key...` */
  sinter(...keys: (Key | readonly Key[])[]): S[];
  /** Counts the members that all of several sets have. `SINTERCARD numkeys key... [LIMIT limit:integer]` */
  sintercard(numkeys: Numeric, ...args: Argument[]): number;
  /** Keeps the members that all of several sets have as a set of their own. `SINTERSTORE destination:key key...` */
  sinterstore(destination: Key, ...keys: (Key | readonly Key[])[]): number;
  /** Tells whether something is a member of a set. `SISMEMBER key member` */
  sismember(key: Key, member: Value): number;
  /** As REPLICAOF, by its former name. `SLAVEOF host port` */
  slaveof(host: Value, port: Value): "OK";
  /** Returns calls that took as long as `slowlog-log-slower-than` says, the newest first. `SLOWLOG GET [count:integer]` */
  slowlogGet(count?: Numeric): unknown[][];
  /** Shows what the subcommands do. `SLOWLOG HELP` */
  slowlogHelp(): S[];
  /** Counts the entries of the slow log. `SLOWLOG LEN` */
  slowlogLen(): number;
  /** Empties the slow log. `SLOWLOG RESET` */
  slowlogReset(): "OK";
  /** Returns all members of a set. `SMEMBERS key` */
  smembers(key: Key): S[];
  /** Tells of several things whether they are members of a set. `SMISMEMBER key member...` */
  smismember(key: Key, ...members: (Value | readonly Value[])[]): number[];
  /** Moves a member from one set to another. `SMOVE source:key destination:key member` */
  smove(source: Key, destination: Key, member: Value): number;
  /** Returns the elements of a list, a set or a sorted set in order, or stores them as a list. `SORT key [BY pattern] [LIMIT offset count] [GET pattern]... [ASC|DESC] [ALPHA] [STORE destination:key]` */
  sort(key: Key, ...options: ({ BY?: Value; LIMIT?: readonly [Numeric, Numeric]; ASC?: boolean; DESC?: boolean; ALPHA?: boolean; STORE?: Key } | Value)[]): (S | null)[] | number;
  /** Returns the elements of a list, a set or a sorted set in order. `SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern]... [ASC|DESC] [ALPHA]` */
  sort_ro(key: Key, ...options: ({ BY?: Value; LIMIT?: readonly [Numeric, Numeric]; ASC?: boolean; DESC?: boolean; ALPHA?: boolean } | Value)[]): (S | null)[];
  /** Takes random members out of a set, and returns them. `SPOP key [count]` */
  spop(key: Key, count?: Numeric): S | null | S[];
  /** Sends a message to all who listen to a shard channel. `SPUBLISH shardchannel message` */
  spublish(shardchannel: Key, message: Value): number;
  /** Returns random members of a set. `SRANDMEMBER key [count]` */
  srandmember(key: Key, count?: Numeric): S | null | S[];
  /** Takes members out of a set. `SREM key member...` */
  srem(key: Key, ...members: (Value | readonly Value[])[]): number;
  /** Goes through the members of a set in steps. `SSCAN key cursor [MATCH pattern] [COUNT count]` */
  sscan(key: Key, cursor: Numeric, ...options: ({ MATCH?: Value; COUNT?: Numeric } | Value)[]): [cursor: S, members: S[]];
  /** Returns the length of a string in bytes. `STRLEN key` */
  strlen(key: Key): number;
  /** Returns the bytes of a string between two offsets: the former name of GETRANGE. `SUBSTR key start:integer end:integer` */
  substr(key: Key, start: Numeric, end: Numeric): S;
  /** Returns the members that any of several sets has. `SUNION key...` */
  sunion(...keys: (Key | readonly Key[])[]): S[];
  /** Keeps the members that any of several sets has as a set of their own. `SUNIONSTORE destination:key key...` */
  sunionstore(destination: Key, ...keys: (Key | readonly Key[])[]): number;
  /** Exchanges two databases. `SWAPDB index1:integer index2:integer` */
  swapdb(index1: Numeric, index2: Numeric): "OK";
  /** Returns the time: seconds since 1970, and microseconds in the second. `TIME` */
  time(): [S, S];
  /** Makes keys look used. `TOUCH key...` */
  touch(...keys: (Key | readonly Key[])[]): number;
  /** Returns how many seconds a key has left. `TTL key` */
  ttl(key: Key): number;
  /** Returns what type of value a key holds. `TYPE key` */
  type(key: Key): S;
  /** Removes keys, and frees their memory without holding others up. `UNLINK key...` */
  unlink(...keys: (Key | readonly Key[])[]): number;
  /** Forgets all watched keys. `UNWATCH` */
  unwatch(): "OK";
  /** Waits until replicas have what the connection has written. `WAIT numreplicas:integer timeout:integer` */
  wait(numreplicas: Numeric, timeout: Numeric): number;
  /** Waits until the log and replicas' logs have what the connection has written, on the disk. `WAITAOF numlocal:integer numreplicas:integer timeout:integer` */
  waitaof(numlocal: Numeric, numreplicas: Numeric, timeout: Numeric): [number, number];
  /** Makes the next transaction depend on keys. `WATCH key...` */
  watch(...keys: (Key | readonly Key[])[]): "OK";
  /** Acknowledges entries that a group has pending: they are done. `XACK key group id...` */
  xack(key: Key, group: Value, ...ids: (Value | readonly Value[])[]): number;
  /** Acknowledges entries that a group has pending, and deletes them from the stream. Of Redis 8.2. `XACKDEL key group [KEEPREF|DELREF|ACKED] IDS numids:integer id...` */
  xackdel(key: Key, group: Value, ...args: Argument[]): number[];
  /** Adds an entry to a stream, which is made if the key does not exist. `XADD key [NOMKSTREAM] [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> <field value>...` */
  xadd(key: Key, ...args: Argument[]): S | null;
  /** Gives what a group has had pending for long to another consumer, from an id on. `XAUTOCLAIM key group consumer min-idle-time:integer start:string [COUNT count] [JUSTID]` */
  xautoclaim(key: Key, group: Value, consumer: Value, minIdleTime: Numeric, start: Value, ...options: ({ COUNT?: Numeric; JUSTID?: boolean } | Value)[]): [next: S, entries: ([id: S, pairs: S[]] | S)[], deleted: S[]];
  /** Gives entries that a group has pending to another consumer. `XCLAIM key group consumer min-idle-time:integer id... [IDLE ms:integer] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]` */
  xclaim(key: Key, group: Value, consumer: Value, minIdleTime: Numeric, ...args: Argument[]): ([id: S, pairs: S[]] | S)[];
  /** Deletes entries of a stream by their ids. `XDEL key id...` */
  xdel(key: Key, ...ids: (Value | readonly Value[])[]): number;
  /** Deletes entries of a stream with regard to the groups that read it. Of Redis 8.2. `XDELEX key [KEEPREF|DELREF|ACKED] IDS numids:integer id...` */
  xdelex(key: Key, ...args: Argument[]): number[];
  /** Makes a group of consumers that share the entries of a stream. `XGROUP CREATE key group <id|$> [MKSTREAM] [ENTRIESREAD entries-read:integer]` */
  xgroupCreate(key: Key, group: Value, ...args: Argument[]): "OK";
  /** Makes a consumer of a group. `XGROUP CREATECONSUMER key group consumer` */
  xgroupCreateconsumer(key: Key, group: Value, consumer: Value): number;
  /** Removes a consumer of a group with what it has pending. `XGROUP DELCONSUMER key group consumer` */
  xgroupDelconsumer(key: Key, group: Value, consumer: Value): number;
  /** Removes a group with its consumers and what they have pending. `XGROUP DESTROY key group` */
  xgroupDestroy(key: Key, group: Value): number;
  /** Shows what the subcommands do. `XGROUP HELP` */
  xgroupHelp(): S[];
  /** Sets where a group has got in its stream. `XGROUP SETID key group <id|$> [ENTRIESREAD entries-read:integer]` */
  xgroupSetid(key: Key, group: Value, ...args: Argument[]): "OK";
  /** Describes the consumers of a group: how much each has pending, and the milliseconds since it was heard of. `XINFO CONSUMERS key group` */
  xinfoConsumers(key: Key, group: Value): Record<string, unknown>[];
  /** Describes the groups of a stream: consumers, how much is pending, where each has got and how far it lags. `XINFO GROUPS key` */
  xinfoGroups(key: Key): Record<string, unknown>[];
  /** Shows what the subcommands do. `XINFO HELP` */
  xinfoHelp(): S[];
  /** Describes a stream: its length, its ids, its first and last entry. `XINFO STREAM key [FULL [COUNT count]]` */
  xinfoStream(key: Key, ...args: Argument[]): Record<string, unknown>;
  /** Counts the entries of a stream. `XLEN key` */
  xlen(key: Key): number;
  /** Tells what a group has pending: entries that a consumer was given and has not acknowledged. `XPENDING key group [[IDLE min-idle-time:integer] start:string end:string count [consumer]]` */
  xpending(key: Key, group: Value, ...args: Argument[]): unknown[];
  /** Returns the entries of a stream between two ids, both included. `XRANGE key start:string end:string [COUNT count]` */
  xrange(key: Key, start: Value, end: Value, ...options: ({ COUNT?: Numeric } | Value)[]): [id: S, pairs: S[]][] | null;
  /** Returns the entries of streams whose ids are higher than the ones given. `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key... id...` */
  xread(...args: Argument[]): Record<string, [id: S, pairs: S[]][]> | null;
  /** Returns entries of streams for a consumer of a group, which has them pending until it acknowledges them. `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key... id...` */
  xreadgroup(...args: Argument[]): Record<string, [id: S, pairs: S[] | null][]> | null;
  /** Returns the entries of a stream between two ids, both included, the newest first. `XREVRANGE key end:string start:string [COUNT count]` */
  xrevrange(key: Key, end: Value, start: Value, ...options: ({ COUNT?: Numeric } | Value)[]): [id: S, pairs: S[]][] | null;
  /** Sets the id that the next entry of a stream must be higher than. `XSETID key last-id [ENTRIESADDED entries-added:integer] [MAXDELETEDID max-deleted-id]` */
  xsetid(key: Key, lastId: Value, ...options: ({ ENTRIESADDED?: Numeric; MAXDELETEDID?: Value } | Value)[]): "OK";
  /** Trims a stream: deletes its oldest entries. `XTRIM key <MAXLEN|MINID> [=|~] threshold [LIMIT count]` */
  xtrim(key: Key, which: "MAXLEN" | "MINID", ...args: Argument[]): number;
  /** Gives members of a sorted set their scores; the set is made if the key does not exist. `ZADD key [NX|XX] [GT|LT] [CH] [INCR] <score member>...` */
  zadd(key: Key, ...args: Argument[]): number | null;
  /** Returns how many members a sorted set has. `ZCARD key` */
  zcard(key: Key): number;
  /** Counts the members of a sorted set with scores between two bounds. `ZCOUNT key min:string max:string` */
  zcount(key: Key, min: Value, max: Value): number;
  /** Returns the members of a sorted set that are in none of several others. `ZDIFF numkeys key... [WITHSCORES]` */
  zdiff(numkeys: Numeric, ...args: Argument[]): S[] | [member: S, score: number][];
  /** Stores the members of a sorted set that are in none of several others as a sorted set. `ZDIFFSTORE destination:key numkeys key...` */
  zdiffstore(destination: Key, numkeys: Numeric, ...keys: (Key | readonly Key[])[]): number;
  /** Adds to the score of a member, which is 0 for one that is not there yet. `ZINCRBY key increment:double member` */
  zincrby(key: Key, increment: Numeric, member: Value): number;
  /** Returns the members that are in all of several sorted sets. `ZINTER numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]` */
  zinter(numkeys: Numeric, ...args: Argument[]): S[] | [member: S, score: number][];
  /** Counts the members that are in all of several sorted sets. `ZINTERCARD numkeys key... [LIMIT limit:integer]` */
  zintercard(numkeys: Numeric, ...args: Argument[]): number;
  /** Stores the members that are in all of several sorted sets as a sorted set. `ZINTERSTORE destination:key numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>]` */
  zinterstore(destination: Key, numkeys: Numeric, ...args: Argument[]): number;
  /** Counts the members of a sorted set between two others, if all have the same score. `ZLEXCOUNT key min:string max:string` */
  zlexcount(key: Key, min: Value, max: Value): number;
  /** Takes members from an end of the first of several sorted sets that exists. `ZMPOP numkeys key... <MIN|MAX> [COUNT count]` */
  zmpop(numkeys: Numeric, ...args: Argument[]): [key: S, members: [member: S, score: number][]] | null;
  /** Returns the scores of several members. `ZMSCORE key member...` */
  zmscore(key: Key, ...members: (Value | readonly Value[])[]): (number | null)[];
  /** Takes the member with the highest score out of a sorted set, or the last few. `ZPOPMAX key [count]` */
  zpopmax(key: Key, count?: Numeric): [S?, number?] | [member: S, score: number][];
  /** Takes the member with the lowest score out of a sorted set, or the first few. `ZPOPMIN key [count]` */
  zpopmin(key: Key, count?: Numeric): [S?, number?] | [member: S, score: number][];
  /** Returns a random member of a sorted set, or several of them. `ZRANDMEMBER key [count [WITHSCORES]]` */
  zrandmember(key: Key, ...args: Argument[]): S | null | S[] | [member: S, score: number][];
  /** Returns the members of a sorted set in a range. `ZRANGE key start:string stop:string [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]` */
  zrange(key: Key, start: Value, stop: Value, ...options: ({ BYSCORE?: boolean; BYLEX?: boolean; REV?: boolean; LIMIT?: readonly [Numeric, Numeric]; WITHSCORES?: boolean } | Value)[]): S[] | [member: S, score: number][];
  /** Returns the members of a sorted set between two others, if all have the same score. `ZRANGEBYLEX key min:string max:string [LIMIT offset count]` */
  zrangebylex(key: Key, min: Value, max: Value, ...options: ({ LIMIT?: readonly [Numeric, Numeric] } | Value)[]): S[];
  /** Returns the members of a sorted set with scores between two bounds. `ZRANGEBYSCORE key min:string max:string [WITHSCORES] [LIMIT offset count]` */
  zrangebyscore(key: Key, min: Value, max: Value, ...options: ({ WITHSCORES?: boolean; LIMIT?: readonly [Numeric, Numeric] } | Value)[]): S[] | [member: S, score: number][];
  /** Stores the members of a sorted set in a range as another sorted set. `ZRANGESTORE dst:key src:key min:string max:string [BYSCORE|BYLEX] [REV] [LIMIT offset count]` */
  zrangestore(dst: Key, src: Key, min: Value, max: Value, ...options: ({ BYSCORE?: boolean; BYLEX?: boolean; REV?: boolean; LIMIT?: readonly [Numeric, Numeric] } | Value)[]): number;
  /** Returns how many members of a sorted set come before one of them. `ZRANK key member [WITHSCORE]` */
  zrank(key: Key, member: Value, ...options: ({ WITHSCORE?: boolean } | Value)[]): number | null | [rank: number, score: number];
  /** Removes members of a sorted set. `ZREM key member...` */
  zrem(key: Key, ...members: (Value | readonly Value[])[]): number;
  /** Removes the members of a sorted set between two others, if all have the same score. `ZREMRANGEBYLEX key min:string max:string` */
  zremrangebylex(key: Key, min: Value, max: Value): number;
  /** Removes the members of a sorted set in a range of ranks. `ZREMRANGEBYRANK key start stop` */
  zremrangebyrank(key: Key, start: Numeric, stop: Numeric): number;
  /** Removes the members of a sorted set with scores between two bounds. `ZREMRANGEBYSCORE key min:string max:string` */
  zremrangebyscore(key: Key, min: Value, max: Value): number;
  /** Returns the members of a sorted set in a range of ranks, the highest score first. `ZREVRANGE key start stop [WITHSCORES]` */
  zrevrange(key: Key, start: Numeric, stop: Numeric, ...options: ({ WITHSCORES?: boolean } | Value)[]): S[] | [member: S, score: number][];
  /** Returns the members of a sorted set between two others, the last one first, if all have the same score. `ZREVRANGEBYLEX key max:string min:string [LIMIT offset count]` */
  zrevrangebylex(key: Key, max: Value, min: Value, ...options: ({ LIMIT?: readonly [Numeric, Numeric] } | Value)[]): S[];
  /** Returns the members of a sorted set with scores between two bounds, the highest score first. `ZREVRANGEBYSCORE key max:string min:string [WITHSCORES] [LIMIT offset count]` */
  zrevrangebyscore(key: Key, max: Value, min: Value, ...options: ({ WITHSCORES?: boolean; LIMIT?: readonly [Numeric, Numeric] } | Value)[]): S[] | [member: S, score: number][];
  /** Returns how many members of a sorted set come after one of them. `ZREVRANK key member [WITHSCORE]` */
  zrevrank(key: Key, member: Value, ...options: ({ WITHSCORE?: boolean } | Value)[]): number | null | [rank: number, score: number];
  /** Goes through the members of a sorted set in steps. `ZSCAN key cursor [MATCH pattern] [COUNT count]` */
  zscan(key: Key, cursor: Numeric, ...options: ({ MATCH?: Value; COUNT?: Numeric } | Value)[]): [cursor: S, members: S[]];
  /** Returns the score of a member. `ZSCORE key member` */
  zscore(key: Key, member: Value): number | null;
  /** Returns the members that are in any of several sorted sets. `ZUNION numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]` */
  zunion(numkeys: Numeric, ...args: Argument[]): S[] | [member: S, score: number][];
  /** Stores the members that are in any of several sorted sets as a sorted set. `ZUNIONSTORE destination:key numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>]` */
  zunionstore(destination: Key, numkeys: Numeric, ...args: Argument[]): number;
}

/** The names of all commands, subcommands behind their container's. */
export const names =
  "ACL CAT|ACL DELUSER|ACL DRYRUN|ACL GENPASS|ACL GETUSER|ACL HELP|ACL LIST|ACL LOAD|ACL LOG|ACL SAVE|" +
  "ACL SETUSER|ACL USERS|ACL WHOAMI|APPEND|ASKING|AUTH|BGREWRITEAOF|BGSAVE|BITCOUNT|BITFIELD|BITFIELD_RO|BITOP|" +
  "BITPOS|BLMOVE|BLMPOP|BLPOP|BRPOP|BRPOPLPUSH|BZMPOP|BZPOPMAX|BZPOPMIN|CLIENT CACHING|CLIENT GETNAME|" +
  "CLIENT GETREDIR|CLIENT HELP|CLIENT ID|CLIENT INFO|CLIENT KILL|CLIENT LIST|CLIENT NO-EVICT|CLIENT NO-TOUCH|" +
  "CLIENT PAUSE|CLIENT REPLY|CLIENT SETINFO|CLIENT SETNAME|CLIENT TRACKING|CLIENT TRACKINGINFO|CLIENT UNBLOCK|" +
  "CLIENT UNPAUSE|CLUSTER COUNTKEYSINSLOT|CLUSTER GETKEYSINSLOT|CLUSTER HELP|CLUSTER INFO|CLUSTER KEYSLOT|" +
  "CLUSTER LINKS|CLUSTER MYID|CLUSTER NODES|CLUSTER RESET|CLUSTER SHARDS|CLUSTER SLOTS|COMMAND COUNT|" +
  "COMMAND DOCS|COMMAND GETKEYS|COMMAND GETKEYSANDFLAGS|COMMAND HELP|COMMAND INFO|COMMAND LIST|CONFIG GET|" +
  "CONFIG HELP|CONFIG RESETSTAT|CONFIG REWRITE|CONFIG SET|COPY|DBSIZE|DEBUG|DECR|DECRBY|DEL|DELIFEQ|DUMP|ECHO|" +
  "EVAL|EVALSHA|EVALSHA_RO|EVAL_RO|EXISTS|EXPIRE|EXPIREAT|EXPIRETIME|FAILOVER|FCALL|FCALL_RO|FLUSHALL|FLUSHDB|" +
  "FUNCTION DELETE|FUNCTION DUMP|FUNCTION FLUSH|FUNCTION HELP|FUNCTION KILL|FUNCTION LIST|FUNCTION LOAD|" +
  "FUNCTION RESTORE|FUNCTION STATS|GEOADD|GEODIST|GEOHASH|GEOPOS|GEORADIUS|GEORADIUSBYMEMBER|" +
  "GEORADIUSBYMEMBER_RO|GEORADIUS_RO|GEOSEARCH|GEOSEARCHSTORE|GET|GETBIT|GETDEL|GETEX|GETRANGE|GETSET|HDEL|HELLO|" +
  "HEXISTS|HEXPIRE|HEXPIREAT|HEXPIRETIME|HGET|HGETALL|HGETDEL|HGETEX|HINCRBY|HINCRBYFLOAT|HKEYS|HLEN|HMGET|HMSET|" +
  "HPERSIST|HPEXPIRE|HPEXPIREAT|HPEXPIRETIME|HPTTL|HRANDFIELD|HSCAN|HSET|HSETEX|HSETNX|HSTRLEN|HTTL|HVALS|INCR|" +
  "INCRBY|INCRBYFLOAT|INFO|KEYS|LASTSAVE|LATENCY DOCTOR|LATENCY GRAPH|LATENCY HELP|LATENCY HISTOGRAM|" +
  "LATENCY HISTORY|LATENCY LATEST|LATENCY RESET|LCS|LINDEX|LINSERT|LLEN|LMOVE|LMPOP|LOLWUT|LPOP|LPOS|LPUSH|" +
  "LPUSHX|LRANGE|LREM|LSET|LTRIM|MEMORY DOCTOR|MEMORY HELP|MEMORY MALLOC-STATS|MEMORY PURGE|MEMORY STATS|" +
  "MEMORY USAGE|MGET|MIGRATE|MODULE HELP|MODULE LIST|MODULE LOAD|MODULE LOADEX|MODULE UNLOAD|MONITOR|MOVE|MSET|" +
  "MSETNX|OBJECT ENCODING|OBJECT FREQ|OBJECT HELP|OBJECT IDLETIME|OBJECT REFCOUNT|PERSIST|PEXPIRE|PEXPIREAT|" +
  "PEXPIRETIME|PFADD|PFCOUNT|PFDEBUG|PFMERGE|PFSELFTEST|PING|PSETEX|PTTL|PUBLISH|PUBSUB CHANNELS|PUBSUB HELP|" +
  "PUBSUB NUMPAT|PUBSUB NUMSUB|PUBSUB SHARDCHANNELS|PUBSUB SHARDNUMSUB|QUIT|RANDOMKEY|READONLY|READWRITE|RENAME|" +
  "RENAMENX|REPLICAOF|RESET|RESTORE|RESTORE-ASKING|ROLE|RPOP|RPOPLPUSH|RPUSH|RPUSHX|SADD|SAVE|SCAN|SCARD|" +
  "SCRIPT DEBUG|SCRIPT EXISTS|SCRIPT FLUSH|SCRIPT HELP|SCRIPT KILL|SCRIPT LOAD|SDIFF|SDIFFSTORE|SELECT|SET|" +
  "SETBIT|SETEX|SETNX|SETRANGE|SHUTDOWN|SINTER|SINTERCARD|SINTERSTORE|SISMEMBER|SLAVEOF|SLOWLOG GET|SLOWLOG HELP|" +
  "SLOWLOG LEN|SLOWLOG RESET|SMEMBERS|SMISMEMBER|SMOVE|SORT|SORT_RO|SPOP|SPUBLISH|SRANDMEMBER|SREM|SSCAN|STRLEN|" +
  "SUBSTR|SUNION|SUNIONSTORE|SWAPDB|TIME|TOUCH|TTL|TYPE|UNLINK|UNWATCH|WAIT|WAITAOF|WATCH|XACK|XACKDEL|XADD|" +
  "XAUTOCLAIM|XCLAIM|XDEL|XDELEX|XGROUP CREATE|XGROUP CREATECONSUMER|XGROUP DELCONSUMER|XGROUP DESTROY|" +
  "XGROUP HELP|XGROUP SETID|XINFO CONSUMERS|XINFO GROUPS|XINFO HELP|XINFO STREAM|XLEN|XPENDING|XRANGE|XREAD|" +
  "XREADGROUP|XREVRANGE|XSETID|XTRIM|ZADD|ZCARD|ZCOUNT|ZDIFF|ZDIFFSTORE|ZINCRBY|ZINTER|ZINTERCARD|ZINTERSTORE|" +
  "ZLEXCOUNT|ZMPOP|ZMSCORE|ZPOPMAX|ZPOPMIN|ZRANDMEMBER|ZRANGE|ZRANGEBYLEX|ZRANGEBYSCORE|ZRANGESTORE|ZRANK|ZREM|" +
  "ZREMRANGEBYLEX|ZREMRANGEBYRANK|ZREMRANGEBYSCORE|ZREVRANGE|ZREVRANGEBYLEX|ZREVRANGEBYSCORE|ZREVRANK|ZSCAN|" +
  "ZSCORE|ZUNION|ZUNIONSTORE";

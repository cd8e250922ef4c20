/** Marks what the state machine threw: the member stops, and the log is not to blame. */
export class StateMachineFailure extends Error {}

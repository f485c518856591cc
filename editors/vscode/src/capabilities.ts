// What this extension can do beyond the protocol; the server asks for it under `experimental`.

import type { ClientCapabilities, FeatureState, StaticFeature } from 'vscode-languageclient';

/** The commands that the server may put into lenses. */
export const COMMANDS = ['lockstep.run', 'lockstep.plan', 'lockstep.test'];

export class OwnCapabilities implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.experimental = {
      ...(capabilities.experimental as object | undefined),
      lockstepCommands: COMMANDS,
      // The grammar colours words, texts, numbers and types: the server need not.
      lockstepGrammar: true,
    };
  }

  initialize(): void {
    // The server reads the capabilities; nothing is to be done here.
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    // Nothing was registered.
  }
}

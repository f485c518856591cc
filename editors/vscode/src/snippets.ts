// The snippets, for as long as no server is there: a server offers them where they fit.

import * as vscode from 'vscode';
import snippets from '../snippets/deploy.json';

export class Snippets implements vscode.CompletionItemProvider {
  constructor(private readonly hasServer: () => boolean) {}

  provideCompletionItems(): vscode.CompletionItem[] {
    if (this.hasServer()) {
      return [];
    }
    return Object.values(snippets).map(({ prefix, body, description }) => {
      const item = new vscode.CompletionItem(prefix, vscode.CompletionItemKind.Snippet);
      item.detail = description;
      item.insertText = new vscode.SnippetString(body.join('\n'));
      return item;
    });
  }
}

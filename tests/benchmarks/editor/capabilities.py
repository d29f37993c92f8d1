"""What VS Code says in ``initialize`` that it can do, written by hand: its size is a part of what a start costs."""

from __future__ import annotations

from typing import Any

_DYNAMIC = {"dynamicRegistration": True}
_LINKS = {"dynamicRegistration": True, "linkSupport": True}
_SYMBOLS = {"valueSet": list(range(1, 27))}
_TOKEN_TYPES = [
    *("namespace", "type", "class", "enum", "interface", "struct", "typeParameter", "parameter", "variable"),
    *("property", "enumMember", "event", "function", "method", "macro", "keyword", "modifier", "comment"),
    *("string", "number", "regexp", "operator", "decorator", "label"),
]
_TOKEN_MODIFIERS = [
    *("declaration", "definition", "readonly", "static", "deprecated", "abstract", "async", "modification"),
    *("documentation", "defaultLibrary"),
]
_ACTIONS = [
    *("", "quickfix", "refactor", "refactor.extract", "refactor.inline", "refactor.move", "refactor.rewrite"),
    *("source", "source.organizeImports", "notebook"),
]

VSCODE: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename", "delete"],
            "failureHandling": "textOnlyTransactional",
            "normalizesLineEndings": True,
            "changeAnnotationSupport": {"groupsOnLabel": True},
            "metadataSupport": True,
            "snippetEditSupport": True,
        },
        "configuration": True,
        "didChangeConfiguration": _DYNAMIC,
        "didChangeWatchedFiles": {**_DYNAMIC, "relativePatternSupport": True},
        "symbol": {
            **_DYNAMIC,
            "symbolKind": _SYMBOLS,
            "tagSupport": {"valueSet": [1]},
            "resolveSupport": {"properties": ["location.range"]},
        },
        "codeLens": {"refreshSupport": True},
        "executeCommand": _DYNAMIC,
        "workspaceFolders": True,
        "foldingRange": {"refreshSupport": True},
        "semanticTokens": {"refreshSupport": True},
        "fileOperations": {
            **_DYNAMIC,
            **dict.fromkeys(("didCreate", "didRename", "didDelete", "willCreate", "willRename", "willDelete"), True),
        },
        "inlineValue": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
        "diagnostics": {"refreshSupport": True},
        "textDocumentContent": _DYNAMIC,
    },
    "textDocument": {
        "publishDiagnostics": {
            "relatedInformation": True,
            "versionSupport": False,
            "tagSupport": {"valueSet": [1, 2]},
            "codeDescriptionSupport": True,
            "dataSupport": True,
        },
        "synchronization": {**_DYNAMIC, "willSave": True, "willSaveWaitUntil": True, "didSave": True},
        "completion": {
            **_DYNAMIC,
            "contextSupport": True,
            "completionItem": {
                "snippetSupport": True,
                "commitCharactersSupport": True,
                "documentationFormat": ["markdown", "plaintext"],
                "deprecatedSupport": True,
                "preselectSupport": True,
                "tagSupport": {"valueSet": [1]},
                "insertReplaceSupport": True,
                "resolveSupport": {"properties": ["documentation", "detail", "additionalTextEdits"]},
                "insertTextModeSupport": {"valueSet": [1, 2]},
                "labelDetailsSupport": True,
            },
            "insertTextMode": 2,
            "completionItemKind": {"valueSet": list(range(1, 26))},
            "completionList": {
                "itemDefaults": ["commitCharacters", "editRange", "insertTextFormat", "insertTextMode", "data"],
                "applyKindSupport": True,
            },
        },
        "hover": {**_DYNAMIC, "contentFormat": ["markdown", "plaintext"]},
        "signatureHelp": {
            **_DYNAMIC,
            "contextSupport": True,
            "signatureInformation": {
                "documentationFormat": ["markdown", "plaintext"],
                "parameterInformation": {"labelOffsetSupport": True},
                "activeParameterSupport": True,
                "noActiveParameterSupport": True,
            },
        },
        "definition": _LINKS,
        "references": _DYNAMIC,
        "documentHighlight": _DYNAMIC,
        "documentSymbol": {
            **_DYNAMIC,
            "symbolKind": _SYMBOLS,
            "hierarchicalDocumentSymbolSupport": True,
            "tagSupport": {"valueSet": [1]},
            "labelSupport": True,
        },
        "codeAction": {
            **_DYNAMIC,
            "isPreferredSupport": True,
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit", "command"]},
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": _ACTIONS}},
            "honorsChangeAnnotations": True,
            "documentationSupport": True,
        },
        "codeLens": {**_DYNAMIC, "resolveSupport": {"properties": ["command"]}},
        "formatting": _DYNAMIC,
        "rangeFormatting": {**_DYNAMIC, "rangesSupport": True},
        "onTypeFormatting": _DYNAMIC,
        "rename": {
            **_DYNAMIC,
            "prepareSupport": True,
            "prepareSupportDefaultBehavior": 1,
            "honorsChangeAnnotations": True,
        },
        "documentLink": {**_DYNAMIC, "tooltipSupport": True},
        "typeDefinition": _LINKS,
        "implementation": _LINKS,
        "colorProvider": _DYNAMIC,
        "foldingRange": {
            **_DYNAMIC,
            "rangeLimit": 5000,
            "lineFoldingOnly": True,
            "foldingRangeKind": {"valueSet": ["comment", "imports", "region"]},
            "foldingRange": {"collapsedText": False},
        },
        "declaration": _LINKS,
        "selectionRange": _DYNAMIC,
        "callHierarchy": _DYNAMIC,
        "semanticTokens": {
            **_DYNAMIC,
            "tokenTypes": _TOKEN_TYPES,
            "tokenModifiers": _TOKEN_MODIFIERS,
            "formats": ["relative"],
            "requests": {"range": True, "full": {"delta": True}},
            "multilineTokenSupport": False,
            "overlappingTokenSupport": False,
            "serverCancelSupport": True,
            "augmentsSyntaxTokens": True,
        },
        "linkedEditingRange": _DYNAMIC,
        "typeHierarchy": _DYNAMIC,
        "inlineValue": _DYNAMIC,
        "inlayHint": {
            **_DYNAMIC,
            "resolveSupport": {
                "properties": ["tooltip", "textEdits", "label.tooltip", "label.location", "label.command"]
            },
        },
        "diagnostic": {**_DYNAMIC, "relatedDocumentSupport": False, "relatedInformation": True},
        "inlineCompletion": _DYNAMIC,
    },
    "window": {
        "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}},
        "showDocument": {"support": True},
        "workDoneProgress": True,
    },
    "general": {
        "staleRequestSupport": {
            "cancel": True,
            "retryOnContentModified": [
                *("textDocument/semanticTokens/full", "textDocument/semanticTokens/range"),
                "textDocument/semanticTokens/full/delta",
            ],
        },
        "regularExpressions": {"engine": "ECMAScript", "version": "ES2020"},
        "markdown": {"parser": "marked", "version": "1.1.0"},
        "positionEncodings": ["utf-16"],
    },
    "notebookDocument": {"synchronization": {**_DYNAMIC, "executionSummarySupport": True}},
}

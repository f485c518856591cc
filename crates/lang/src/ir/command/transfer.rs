//! `send` and `fetch`: what goes between this machine and the place of a command.

use serde::{Deserialize, Serialize};

use crate::eval::{Expr, Halt};
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::TransferDirection;

/// A transfer as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which way it goes.
    pub direction: TransferDirection,
    /// Whether the source is the text to write, and not a path.
    pub is_text: bool,
    /// A path, or the text.
    pub source: Expr,
    /// The path that it gets.
    pub to: Expr,
    /// Whether it may take the place of a folder that holds something else.
    pub replacing: bool,
    /// The mode of the file that is made of a text.
    pub mode: Option<u16>,
}

/// A transfer with its values filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferInvocation {
    /// Which way it goes.
    pub direction: TransferDirection,
    /// What goes.
    pub source: TransferSource,
    /// The path that it gets.
    pub to: String,
    /// Whether it may take the place of a folder that holds something else.
    pub replacing: bool,
}

/// What is transferred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TransferSource {
    /// A file or a folder.
    Path(String),
    /// A text, which may be a secret, and the mode of the file that is made of it.
    Text {
        /// The text.
        text: Value,
        /// The mode, where one is given.
        mode: Option<u16>,
    },
}

impl Transfer {
    /// The path on this machine; a text that is written elsewhere has none.
    pub fn path_here(&self) -> Option<&Expr> {
        match self.direction {
            TransferDirection::Send => Some(&self.source).filter(|_| !self.is_text),
            TransferDirection::Fetch => Some(&self.to),
        }
    }

    /// Fills its values in.
    pub(super) fn invoke(
        &self,
        value: &mut dyn FnMut(&Expr) -> Result<Value, Halt>,
        text: &dyn Fn(&Value) -> String,
    ) -> Result<TransferInvocation, Halt> {
        let source = value(&self.source)?;
        let to = value(&self.to)?;
        Ok(TransferInvocation {
            direction: self.direction,
            source: match self.is_text {
                false => TransferSource::Path(text(&source)),
                true => TransferSource::Text {
                    text: match source {
                        secret @ Value::Secret(_) => secret,
                        other => Value::string(text(&other)),
                    },
                    mode: self.mode,
                },
            },
            to: text(&to),
            replacing: self.replacing,
        })
    }
}

/// The type of the value of a transfer.
pub fn transfer_type() -> Type {
    Type::record([
        ("files", Type::Int),
        ("bytes", Type::Int),
        ("sha256", Type::String),
    ])
}
